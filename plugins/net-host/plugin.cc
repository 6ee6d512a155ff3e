// SPDX-License-Identifier: MIT
// net-host: the container uses the caller's own network namespace. Plain C interface,
// like net-none: there is nothing here that is worth loading a library for.
#include <rcrt/network.h>
#include <string.h>

#include <cerrno>

namespace {

rcrt_str str(const char* text) { return {text, strlen(text)}; }

int plan(const rcrt_call* call) {
  call->result(call->host, str(R"({"host":true})"));
  return 0;
}

int attach(const rcrt_call* call) {
  rcrt_error error{sizeof(rcrt_error),
                   -EINVAL,
                   str("a container with a network namespace cannot use the host's network"),
                   {},
                   str("choose --net=host when the container is created")};
  call->error(call->host, &error);
  return -EINVAL;
}

int detach(const rcrt_call*) { return 0; }

constexpr rcrt_network_v1 kNetwork = {
    .size = sizeof(rcrt_network_v1), .plan = plan, .attach = attach, .detach = detach};

const void* get_interface(const char* id) { return strcmp(id, RCRT_NETWORK_V1) == 0 ? &kNetwork : nullptr; }

}  // namespace

extern "C" RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry;
extern "C" const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = "net-host",
    .version = "1.0",
    .description = "the host's own network",
    .license = "MIT",
    .get_interface = get_interface,
};
