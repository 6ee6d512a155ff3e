// SPDX-License-Identifier: MIT
// C++ plugins without the SDK's exception barrier. Built once for each CASE_...
#include <fcntl.h>
#include <rcrt/network.h>

#include <cstring>
#include <stdexcept>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

namespace {

int attach(const rcrt_call* call) {
  call->give_fd(call->host, "root", open("/dev/null", O_RDONLY | O_CLOEXEC));
  throw std::runtime_error("boom\nbang");
}

int detach(const rcrt_call*) { throw 42; }

const rcrt_network_v1 network = {.size = sizeof network, .attach = attach, .detach = detach};

const void* get_interface(const char* id) {
#ifdef CASE_throws_asked
  throw std::logic_error(std::string("asked for ") + id);
#endif
  return std::strcmp(id, RCRT_NETWORK_V1) == 0 ? &network : nullptr;
}

[[maybe_unused]] int init(const rcrt_host*) { throw std::runtime_error("not in the mood"); }
void deinit() { throw std::runtime_error("not yet"); }

}  // namespace

extern "C" RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry;
extern "C" const rcrt_plugin rcrt_plugin_entry = {
    .size = sizeof(rcrt_plugin),
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR,
    .name = TEXT(NAME),
    .version = "1",
    .description = "throws",
    .license = "MIT",
#ifdef CASE_throws_init
    .init = init,
#endif
    .deinit = deinit,
    .get_interface = get_interface,
};
