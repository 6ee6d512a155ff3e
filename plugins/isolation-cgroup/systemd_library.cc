// SPDX-License-Identifier: MIT
#include "systemd_library.h"

#include <dlfcn.h>

namespace rcrt::cgroup {
namespace {

template <typename Function>
bool bind(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

}  // namespace

Expected<SystemdLibrary> load_systemd() {
  void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return sdk::fail(ENOENT, "cannot load libsystemd", "libsystemd.so.0",
                     "install the package libsystemd0, or use --cgroup-manager cgroupfs");
  SystemdLibrary library{};
  bool complete =
      bind(handle, "sd_bus_new", library.bus_new) &&
      bind(handle, "sd_bus_set_address", library.set_address) &&
      bind(handle, "sd_bus_start", library.start) &&
      bind(handle, "sd_bus_open_system", library.open_system) &&
      bind(handle, "sd_bus_flush_close_unref", library.close) &&
      bind(handle, "sd_bus_add_match", library.add_match) &&
      bind(handle, "sd_bus_message_new_method_call", library.new_call) &&
      bind(handle, "sd_bus_message_append", library.append) &&
      bind(handle, "sd_bus_message_append_array", library.append_array) &&
      bind(handle, "sd_bus_message_open_container", library.open_container) &&
      bind(handle, "sd_bus_message_close_container", library.close_container) &&
      bind(handle, "sd_bus_message_read", library.read) &&
      bind(handle, "sd_bus_message_unref", library.unref) && bind(handle, "sd_bus_call", library.call) &&
      bind(handle, "sd_bus_process", library.process) && bind(handle, "sd_bus_wait", library.wait) &&
      bind(handle, "sd_bus_error_free", library.error_free);
  if (!complete)
    return sdk::fail(ENOSYS, "libsystemd lacks functions", "libsystemd.so.0",
                     "libsystemd 241 or newer is needed");
  return library;
}

}  // namespace rcrt::cgroup
