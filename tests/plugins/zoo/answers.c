/* SPDX-License-Identifier: MIT */
/* net-answers: attach and detach misbehave as a string in the request says. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <rcrt/network.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int asked(const rcrt_call* call, const char* what) {
  size_t size = strlen(what);
  const char* at = memmem(call->request.data, call->request.size, what, size);
  return at && at > call->request.data && at[-1] == '"' && at[size] == '"';
}

static void answer(const rcrt_call* call, const char* json) {
  call->result(call->host, (rcrt_str){json, strlen(json)});
}

static void progress(const rcrt_call* call, const char* event) {
  if (call->progress) call->progress(call->host, (rcrt_str){event, strlen(event)});
}

static int null_fd(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
static void give(const rcrt_call* call, const char* name, int fd) { call->give_fd(call->host, name, fd); }

static void complain(const rcrt_call* call, const char* what) {
  rcrt_error error = {sizeof error, -EBUSY, {what, strlen(what)}, {"rcrt0", 5}, {"wait", 4}};
  call->error(call->host, &error);
}

/* `size` bytes: {"a":[[[...]]]} or {"a":"xxx"} */
static void big(const rcrt_call* call, size_t size, char fill, char tail) {
  char* text = malloc(size);
  memset(text, fill, size);
  memcpy(text, "{\"a\":\"", 6);
  if (fill == '[') {
    text[5] = '[';
    memset(text + size / 2 + 2, ']', size - size / 2 - 2);
  } else {
    text[size - 2] = '"';
  }
  text[size - 1] = tail;
  call->result(call->host, (rcrt_str){text, size});
  free(text);
}

static void hang(void) {
  for (;;) pause();
}

static int attach(const rcrt_call* call) {
  if (asked(call, "hangs")) hang();
  if (asked(call, "good")) {
    answer(call, "{\"interfaces\":[],\"unknown\":1}");
    give(call, "one", null_fd());
    give(call, "two", open("/dev/null", O_RDONLY)); /* without close-on-exec */
  }
  if (asked(call, "wrong-interfaces")) answer(call, "{\"interfaces\":5}");
  if (asked(call, "wrong-addresses")) answer(call, "{\"addresses\":[{\"address\":7}]}");
  if (asked(call, "wrong-dns")) answer(call, "{\"dns\":{\"servers\":[7]}}");
  if (asked(call, "wrong-ports")) answer(call, "{\"ports\":[1]}");
  if (asked(call, "fails-well")) {
    give(call, "root", null_fd());
    answer(call, "{}");
    complain(call, "cannot create\nbridge");
    complain(call, "a second complaint");
    return -EBUSY;
  }
  if (asked(call, "not-json")) answer(call, "{\"a\": tru");
  if (asked(call, "empty")) answer(call, "");
  if (asked(call, "array")) answer(call, "[1]");
  if (asked(call, "not-utf8")) answer(call, "{\"a\":\"\xff\xfe\"}");
  if (asked(call, "two-results")) {
    answer(call, "{}");
    answer(call, "{}");
  }
  if (asked(call, "null-result")) call->result(call->host, (rcrt_str){NULL, 9});
  if (asked(call, "huge")) big(call, 17u << 20, 'x', '}');
  if (asked(call, "deep")) big(call, 200000, '[', '}');
  if (asked(call, "closed-fd")) {
    int fd = null_fd();
    close(fd);
    give(call, "root", fd);
  }
  if (asked(call, "negative-fd")) give(call, "root", -1);
  if (asked(call, "stdout-fd")) give(call, "root", STDOUT_FILENO);
  if (asked(call, "lent-fd")) give(call, "root", call->fds[0].fd);
  if (asked(call, "same-fd-twice")) {
    int fd = null_fd();
    give(call, "root", fd);
    give(call, "cgroup", fd);
  }
  if (asked(call, "same-name-twice")) {
    give(call, "root", null_fd());
    give(call, "root", null_fd());
  }
  if (asked(call, "unnamed-fd")) give(call, NULL, null_fd());
  if (asked(call, "many-fds")) {
    char name[] = "aa";
    for (int i = 0; i < 65; ++i) {
      name[0] = (char)('a' + i / 26);
      name[1] = (char)('a' + i % 26);
      give(call, name, null_fd());
    }
  }
  if (asked(call, "fd-then-garbage")) {
    give(call, "root", null_fd());
    answer(call, "garbage");
  }
  if (asked(call, "counts")) progress(call, "{\"current\":1}"), progress(call, "{\"current\":2}");
  if (asked(call, "progress-garbage")) progress(call, "{\"current\"");
  if (asked(call, "progress-nothing") && call->progress) call->progress(call->host, (rcrt_str){NULL, 2});
  if (asked(call, "positive")) return 3;
  if (asked(call, "no-errno")) return -100000;
  if (asked(call, "silent")) {
    give(call, "root", null_fd());
    return -EIO;
  }
  if (asked(call, "both")) complain(call, "cannot create bridge");
  if (asked(call, "null-error")) {
    call->error(call->host, NULL);
    return -EIO;
  }
  if (asked(call, "wordless-error")) {
    complain(call, "");
    return -EIO;
  }
  if (asked(call, "unreadable-error")) {
    rcrt_error error = {sizeof error, -EIO, {NULL, 5}, {NULL, 0}, {NULL, 0}};
    call->error(call->host, &error);
    return -EIO;
  }
  if (asked(call, "short-error")) { /* from a time when errors had no hint */
    rcrt_error error = {offsetof(rcrt_error, hint), -EIO, {"cannot try", 10}, {"it", 2}, {(char*)1, 99}};
    call->error(call->host, &error);
    return -EIO;
  }
  if (asked(call, "talks")) call->log(call->host, RCRT_LOG_WARNING, (rcrt_str){"a\nb\x1b[2J, ignoring", 17});
  return 0;
}

static int detach(const rcrt_call* call) {
  if (asked(call, "hangs-in-undo")) hang();
  if (!asked(call, "fails-in-undo")) return 0;
  complain(call, "cannot undo");
  return -EBUSY;
}

static const rcrt_network_v1 network = {.size = sizeof network, .attach = attach, .detach = detach};

static const void* get_interface(const char* id) {
  return strcmp(id, RCRT_NETWORK_V1) == 0 ? &network : NULL;
}

RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "net-answers",
    .version = "1",
    .description = "answers wrongly, on request",
    .license = "MIT",
    .get_interface = get_interface,
};
