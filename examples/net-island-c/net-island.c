/* SPDX-License-Identifier: MIT */
/* net-island: an interface with an address and nobody at the other end, for programs that
 * want one before they start, and for tests.
 *
 *     rcrt --net=island run --ip 192.0.2.7 IMAGE COMMAND
 *
 * What it makes lives in the container's network namespace and goes with it, so that there is
 * nothing to undo. Needs the headers of rcrt and libc. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <rcrt/network.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"

static rcrt_str text(const char* s) { return (rcrt_str){s, strlen(s)}; }

static int fail(const rcrt_call* call, int code, const char* what, const char* object, const char* hint) {
  rcrt_error error = {sizeof error, -code, text(what), text(object), text(hint)};
  call->error(call->host, &error);
  return -code;
}

/* The next steps are done in the container's namespace. 0 or an errno value. */

static int make_interface(const char* name) {
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tun < 0) return errno;
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  int code = ioctl(tun, TUNSETIFF, &request) != 0 || ioctl(tun, TUNSETPERSIST, 1) != 0 ? errno : 0;
  close(tun);
  return code;
}

static int set_up(int socket, const char* name, const char* address) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  struct sockaddr_in* in = (struct sockaddr_in*)&request.ifr_addr;
  in->sin_family = AF_INET;
  inet_pton(AF_INET, address, &in->sin_addr);
  if (ioctl(socket, SIOCSIFADDR, &request) != 0) return errno;
  in->sin_addr.s_addr = htonl(0xffffff00);
  if (ioctl(socket, SIOCSIFNETMASK, &request) != 0) return errno;
  request.ifr_flags = IFF_UP;
  return ioctl(socket, SIOCSIFFLAGS, &request) != 0 ? errno : 0;
}

static int connect_inside(const char* name, const char* address) {
  int code = make_interface(name);
  int control = code == 0 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  if (code == 0 && control < 0) code = errno;
  if (code == 0) code = set_up(control, name, address);
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (code == 0 && ioctl(control, SIOCSIFFLAGS, &loopback) != 0) code = errno;
  if (control >= 0) close(control);
  return code;
}

static int attach(const rcrt_call* call) {
  char name[IFNAMSIZ] = "eth0", address[INET_ADDRSTRLEN] = "192.0.2.1";
  struct in_addr bytes;
  json_text(json_member(call->request, "interface"), name, sizeof name);
  json_text(json_member(call->request, "ip"), address, sizeof address);
  if (inet_pton(AF_INET, address, &bytes) != 1)
    return fail(call, EINVAL, "no IPv4 address", address, "write it as 192.0.2.7");

  int netns = -1;
  for (size_t i = 0; i < call->fd_count; ++i)
    if (strcmp(call->fds[i].name, "netns") == 0) netns = call->fds[i].fd;
  int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0) return fail(call, errno, "cannot open", "/proc/thread-self/ns/net", "mount /proc");
  int code = setns(netns, CLONE_NEWNET) != 0 ? errno : 0;
  if (code == 0) {
    code = connect_inside(name, address);
    /* Whatever happened: the host's thread is where it was. */
    if (setns(own, CLONE_NEWNET) != 0) code = errno;
  }
  close(own);
  if (code != 0) return fail(call, code, "cannot make interface", name, "is the tun driver there?");

  char result[256];
  int size = snprintf(result, sizeof result,
                      "{\"interfaces\":[{\"name\":\"%s\"}],"
                      "\"addresses\":[{\"interface\":\"%s\",\"address\":\"%s/24\"}]}",
                      name, name, address);
  call->result(call->host, (rcrt_str){result, (size_t)size});
  return 0;
}

static int detach(const rcrt_call* call) {
  (void)call;
  return 0;
}

static const rcrt_network_v1 network = {.size = sizeof network, .attach = attach, .detach = detach};

static const void* get_interface(const char* id) {
  return strcmp(id, RCRT_NETWORK_V1) == 0 ? &network : NULL;
}

RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "net-island",
    .version = "1.0",
    .description = "an interface with an address and nobody at the other end",
    .license = "MIT",
    .get_interface = get_interface,
};
