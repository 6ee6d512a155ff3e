// SPDX-License-Identifier: MIT
// net-none: a network namespace with nothing but loopback, up.
//
// Every container that is not on a network passes here, so this file uses the plain
// C interface: no JSON library, no libstdc++ to load, three system calls of work.
#include <fcntl.h>
#include <net/if.h>
#include <rcrt/network.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace {

rcrt_str str(const char* text) { return {text, strlen(text)}; }

int fail(const rcrt_call* call, int code, const char* what, const char* hint) {
  rcrt_error error{sizeof(rcrt_error), -code, str(what), {}, str(hint)};
  call->error(call->host, &error);
  return -code;
}

int netns_of(const rcrt_call* call) {
  for (size_t i = 0; i < call->fd_count; ++i)
    if (strcmp(call->fds[i].name, "netns") == 0) return call->fds[i].fd;
  return -1;
}

// Brings lo up through a socket that belongs to the calling thread's namespace.
// 0 or an errno value.
int loopback_up() {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  int code = 0;
  request.ifr_flags = IFF_UP;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) code = errno;
  close(fd);
  return code;
}

int attach(const rcrt_call* call) {
  int netns = netns_of(call);
  if (netns < 0)
    return fail(call, EINVAL, "cannot set up the container's loopback: no descriptor \"netns\" was given",
                "");
  int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0) return fail(call, errno, "cannot open this thread's network namespace", "mount /proc");
  if (setns(netns, CLONE_NEWNET) != 0) {
    int code = errno;
    close(own);
    return fail(call, code, "cannot enter the container's network namespace", "run as root");
  }
  int code = loopback_up();
  bool back = setns(own, CLONE_NEWNET) == 0;
  int back_code = errno;
  close(own);
  if (!back) return fail(call, back_code, "cannot return to the host's network namespace", "");
  if (code != 0) return fail(call, code, "cannot bring up the container's loopback interface", "");
  call->result(call->host, str(R"({"interfaces":[],"addresses":[],"dns":{},"ports":[]})"));
  return 0;
}

// Loopback dies with its namespace: there is nothing to undo.
int detach(const rcrt_call*) { return 0; }

int plan(const rcrt_call* call) {
  call->result(call->host, str("{}"));
  return 0;
}

constexpr rcrt_network_v1 kNetwork = {
    .size = sizeof(rcrt_network_v1), .plan = plan, .attach = attach, .detach = detach};

const void* get_interface(const char* id) { return strcmp(id, RCRT_NETWORK_V1) == 0 ? &kNetwork : nullptr; }

}  // namespace

extern "C" RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry;
extern "C" const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "net-none",
    .version = "1.0",
    .description = "a network namespace with loopback only",
    .license = "MIT",
    .get_interface = get_interface,
};
