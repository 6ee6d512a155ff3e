// SPDX-License-Identifier: MIT
#include "systemd_library.h"

#include <dlfcn.h>

#include "base/bind_symbol.h"

namespace rcrt::cgroup {

Expected<SystemdLibrary> load_systemd() {
  void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return sdk::fail(ENOENT, "cannot load libsystemd", "libsystemd.so.0",
                     "install the package libsystemd0, or use --cgroup-manager cgroupfs");
  SystemdLibrary library{};
  bool complete = bind_symbol(handle, "sd_bus_new", library.bus_new) &&
                  bind_symbol(handle, "sd_bus_set_address", library.set_address) &&
                  bind_symbol(handle, "sd_bus_start", library.start) &&
                  bind_symbol(handle, "sd_bus_open_system", library.open_system) &&
                  bind_symbol(handle, "sd_bus_flush_close_unref", library.close) &&
                  bind_symbol(handle, "sd_bus_add_match", library.add_match) &&
                  bind_symbol(handle, "sd_bus_message_new_method_call", library.new_call) &&
                  bind_symbol(handle, "sd_bus_message_append", library.append) &&
                  bind_symbol(handle, "sd_bus_message_append_array", library.append_array) &&
                  bind_symbol(handle, "sd_bus_message_open_container", library.open_container) &&
                  bind_symbol(handle, "sd_bus_message_close_container", library.close_container) &&
                  bind_symbol(handle, "sd_bus_message_read", library.read) &&
                  bind_symbol(handle, "sd_bus_message_unref", library.unref) &&
                  bind_symbol(handle, "sd_bus_call", library.call) &&
                  bind_symbol(handle, "sd_bus_process", library.process) &&
                  bind_symbol(handle, "sd_bus_wait", library.wait) &&
                  bind_symbol(handle, "sd_bus_error_free", library.error_free);
  if (!complete)
    return sdk::fail(ENOSYS, "libsystemd lacks functions", "libsystemd.so.0",
                     "libsystemd 241 or newer is needed");
  return library;
}

}  // namespace rcrt::cgroup
