/* SPDX-License-Identifier: MIT */
/* rcrt.isolation/1: limits and confinement. File `isolation-<name>.so`.
 *
 * Every request carries:
 *   "container"    "<id>"
 *   "cgroup_path"  "/rcrt/<id>": relative to the cgroup v2 mount
 *   "systemd"      { "unit", "slice", "pid" }: absent unless systemd is to make the group:
 *                  cgroup_path is the unit's; pid is a process it begins with
 *   "resources"    OCI runtime-spec config-linux "resources" (with "unified" and
 *                  "devices"); { } when nothing is limited
 *   "capabilities" the bounding set, [ "CAP_CHOWN", ... ]
 *   "privileged"   bool
 *   "security_opt" the user's --security-opt words, [ "seccomp=unconfined" ]
 *   "seccomp"      OCI runtime-spec config-linux "seccomp"; absent in the engine,
 *                  where the plugin applies its default profile
 *   "no_new_privileges" bool
 *   "cache_dir"    absolute, exists, mode 0700; for what is costly to compute
 */
#ifndef RCRT_ISOLATION_H
#define RCRT_ISOLATION_H

#include <rcrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RCRT_ISOLATION_V1 "rcrt.isolation/1"

typedef struct rcrt_isolation_v1 {
  size_t size;

  /* Contributes to the container's plan. Descriptors, each optional:
   *   "cgroup"   an open cgroup v2 directory; the container starts inside it
   *              (CLONE_INTO_CGROUP)
   *   "seccomp"  a regular file or memfd that holds a compiled classic BPF
   *              program (struct sock_filter array); installed last, just before
   *              execve(2)
   * Result, every member optional:
   *   { "rlimits": [ OCI process.rlimits ], "maskedPaths": [ ], "readonlyPaths": [ ],
   *     "seccompFlags": [ OCI linux.seccomp.flags ],
   *     "dropCapabilities": [ "CAP_MKNOD" ], taken from the container unless its user asked for
   *                         them by name,
   *     "nodev": true       device nodes in the root are dead; those of /dev are not in the root }
   * On failure whatever was made is undone before returning. */
  rcrt_function prepare;

  /* Optional. Undoes prepare, after the container's processes are gone. Same request.
   * Idempotent. */
  rcrt_function release;

  /* Optional. Applies new "resources" to a running container. */
  rcrt_function update;

  /* Optional. Result: { "cpu": { "usage_usec": .. }, "memory": { "current": ..,
   * "peak": .., "oom_kills": .. }, "pids": { "current": .. }, "io": [ .. ] };
   * a part whose controller is absent is left out. */
  rcrt_function stats;

  /* Optional. Request also has "frozen": bool. Returns when it is so. */
  rcrt_function freeze;

  /* Optional. SIGKILL to every process of the container. Idempotent. */
  rcrt_function kill;

  /* Optional. As in rcrt.network/1. */
  rcrt_function doctor;
} rcrt_isolation_v1;

#ifdef __cplusplus
}
#endif
#endif
