/* SPDX-License-Identifier: MIT */
/* isolation-lean: no core dumps, no sight of the host's kernel command line, next to the limits and
 * filters of the other isolation plugins. The smallest plugin there is: everything it has to
 * say is data.
 *
 *     rcrt --isolation=cgroup,seccomp,lean run IMAGE COMMAND */
#include <rcrt/isolation.h>
#include <string.h>

static int prepare(const rcrt_call* call) {
  static const char kContribution[] =
      "{\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}],"
      "\"maskedPaths\":[\"/proc/cmdline\"]}";
  call->result(call->host, (rcrt_str){kContribution, sizeof kContribution - 1});
  return 0;
}

static const rcrt_isolation_v1 isolation = {.size = sizeof isolation, .prepare = prepare};

static const void* get_interface(const char* id) {
  return strcmp(id, RCRT_ISOLATION_V1) == 0 ? &isolation : NULL;
}

RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "isolation-lean",
    .version = "1.0",
    .description = "no core dumps, no sight of the kernel command line",
    .license = "MIT",
    .get_interface = get_interface,
};
