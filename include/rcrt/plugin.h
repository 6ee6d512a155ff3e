/* SPDX-License-Identifier: MIT */
/* rcrt plugin interface, version 1: what every plugin shares.
 *
 * A plugin is a shared object named `<kind>-<name>.so` that exports exactly one
 * symbol, `rcrt_plugin_entry`. It needs this header and libc, nothing else.
 *
 * Rules that hold for every function of every interface:
 *
 *  - Phase.      A plugin runs in the parent only: before the container's
 *                process exists, or beside it, never between clone and exec.
 *  - Thread.     Calls into one plugin come from one thread at a time, not always
 *                the same; calls into other plugins may run beside it. A plugin may
 *                use threads of its own inside a call; none may outlive the call.
 *  - Process.    A call leaves the process as it found it: working directory,
 *                umask, namespaces, signal handlers, descriptors 0-2.
 *  - Ownership.  Everything reached through `rcrt_call` is borrowed until the
 *                call returns. A descriptor handed to `give_fd` belongs to the
 *                host from then on, whatever the call returns afterwards.
 *  - Errors.     0 is success. A failure is a negative errno, after exactly one
 *                call of the error sink that says what failed, on what, and what
 *                a person can do about it.
 *  - Undo.       A function documented as "idempotent" succeeds when there is
 *                nothing left to do. Undo functions are given the very request
 *                their counterpart was given, also when that never ran, or
 *                was killed half way.
 *  - Structs.    Every struct starts with its size in bytes, set by whoever fills
 *                it in. A reader takes a field as absent (zero) when it lies past
 *                that size. Function pointers documented as optional may be NULL.
 *  - Strings.    UTF-8, with a length; a terminating NUL is not promised, except
 *                for `const char *`, which are NUL-terminated.
 *  - JSON.       Requests and results are JSON objects (RFC 8259). Unknown members
 *                of a request are ignored; the host ignores unknown members of a
 *                result.
 */
#ifndef RCRT_PLUGIN_H
#define RCRT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host loads plugins of its own major version only; a plugin may use what
 * was added up to the minor version the host reports. */
#define RCRT_ABI_MAJOR 1u
#define RCRT_ABI_MINOR 1u

#define RCRT_EXPORT __attribute__((visibility("default")))

typedef struct rcrt_str {
  const char *data; /* may be NULL when size is 0 */
  size_t size;      /* bytes */
} rcrt_str;

/* A descriptor with the role it plays, e.g. "root", "netns", "cgroup". */
typedef struct rcrt_fd {
  const char *name;
  int fd;
} rcrt_fd;

/* One failure, for a person: `rcrt: <what> "<object>": <strerror(code)>; <hint>`. */
typedef struct rcrt_error {
  size_t size;
  int code;        /* negative errno */
  rcrt_str what;   /* "cannot create bridge" */
  rcrt_str object; /* "rcrt0"; may be empty */
  rcrt_str hint;   /* what to do about it; may be empty */
} rcrt_error;

enum rcrt_log_level {
  RCRT_LOG_DEBUG = 0,
  RCRT_LOG_INFO = 1,
  RCRT_LOG_WARNING = 2 /* a failure that is being ignored: "..., ignoring" */
};

/* What one call is given and where its answers go. */
typedef struct rcrt_call {
  size_t size;
  rcrt_str request;   /* a JSON object */
  const rcrt_fd *fds; /* descriptors that belong to the request */
  size_t fd_count;

  void *host; /* for the functions below, opaque to the plugin */
  /* The JSON object that answers the call; at most once. Copied by the host. */
  void (*result)(void *host, rcrt_str json);
  /* Hands a descriptor to the host, which owns it from now on. `name` is copied. */
  void (*give_fd)(void *host, const char *name, int fd);
  /* The error sink. Copied by the host. */
  void (*error)(void *host, const rcrt_error *error);
  /* One line, no newline. Copied by the host. */
  void (*log)(void *host, enum rcrt_log_level level, rcrt_str line);

  /* Optional, since minor version 1: NULL or past `size` when nobody listens. How a long call
   * gets on: one JSON object an event, from the thread of the call, as often as there is
   * news (ten times a second is plenty). Copied by the host. The interface says what is in
   * it; unknown members and events are ignored. */
  void (*progress)(void *host, rcrt_str event);
} rcrt_call;

/* The shape of every interface function. */
typedef int (*rcrt_function)(const rcrt_call *call);

/* What the host tells a plugin about itself, at init. Valid until deinit. */
typedef struct rcrt_host {
  size_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  const char *version; /* of the program, e.g. "0.1.0" */
} rcrt_host;

/* The exported symbol is a constant object of this type:
 *
 *     RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = { ... };
 *
 * The first three members never change place, in any version. */
typedef struct rcrt_plugin {
  size_t size;
  uint32_t abi_major;
  uint32_t abi_minor;

  const char *name;        /* as in the file name: "net-bridge" */
  const char *version;     /* the plugin's own */
  const char *description; /* one line */
  const char *license;     /* SPDX expression */

  /* Optional. Called once after loading, before anything else; a failure
   * (negative errno) makes the host unload the plugin. Must be cheap. */
  int (*init)(const rcrt_host *host);
  /* Optional. Called once before unloading, if init succeeded. */
  void (*deinit)(void);
  /* The interface with this id ("rcrt.storage/1"), or NULL when the plugin
   * does not have it. The object lives as long as the plugin is loaded. */
  const void *(*get_interface)(const char *id);
} rcrt_plugin;

#define RCRT_PLUGIN_SYMBOL "rcrt_plugin_entry"

#ifdef __cplusplus
}
#endif
#endif
