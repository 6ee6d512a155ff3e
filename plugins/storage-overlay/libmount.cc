// SPDX-License-Identifier: MIT
#include "libmount.h"

#include <dlfcn.h>
#include <libmount/libmount.h>

#include "base/bind_symbol.h"

namespace rcrt::overlay {
namespace {

struct Library {
  decltype(&::mnt_new_context) new_context;
  decltype(&::mnt_free_context) free_context;
  decltype(&::mnt_context_disable_canonicalize) disable_canonicalize;
  decltype(&::mnt_context_disable_helpers) disable_helpers;
  decltype(&::mnt_context_disable_mtab) disable_mtab;
  decltype(&::mnt_context_set_fstype) set_fstype;
  decltype(&::mnt_context_set_source) set_source;
  decltype(&::mnt_context_set_target) set_target;
  decltype(&::mnt_context_set_options) set_options;
  decltype(&::mnt_context_mount) mount;
  decltype(&::mnt_context_syscall_called) syscall_called;
  decltype(&::mnt_context_get_syscall_errno) syscall_errno;
};

sdk::Expected<Library> load() {
  void* handle = ::dlopen("libmount.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return sdk::fail(ENOENT, "cannot load libmount", "libmount.so.1",
                     "images of many layers need it: install libmount1");
  Library l{};
  bool complete = bind_symbol(handle, "mnt_new_context", l.new_context) &&
                  bind_symbol(handle, "mnt_free_context", l.free_context) &&
                  bind_symbol(handle, "mnt_context_disable_canonicalize", l.disable_canonicalize) &&
                  bind_symbol(handle, "mnt_context_disable_helpers", l.disable_helpers) &&
                  bind_symbol(handle, "mnt_context_disable_mtab", l.disable_mtab) &&
                  bind_symbol(handle, "mnt_context_set_fstype", l.set_fstype) &&
                  bind_symbol(handle, "mnt_context_set_source", l.set_source) &&
                  bind_symbol(handle, "mnt_context_set_target", l.set_target) &&
                  bind_symbol(handle, "mnt_context_set_options", l.set_options) &&
                  bind_symbol(handle, "mnt_context_mount", l.mount) &&
                  bind_symbol(handle, "mnt_context_syscall_called", l.syscall_called) &&
                  bind_symbol(handle, "mnt_context_get_syscall_errno", l.syscall_errno);
  if (!complete)
    return sdk::fail(ENOSYS, "libmount lacks functions", "libmount.so.1", "libmount 2.38 or newer is needed");
  return l;
}

int mount_by(const Library& library, libmnt_context* c, const char* type, const std::string& options,
             const std::string& target) {
  library.disable_canonicalize(c, 1);
  library.disable_helpers(c, 1);
  library.disable_mtab(c, 1);
  if (library.set_fstype(c, type) != 0 || library.set_source(c, type) != 0 ||
      library.set_target(c, target.c_str()) != 0 || library.set_options(c, options.c_str()) != 0)
    return ENOMEM;
  int code = library.mount(c);
  if (code == 0) return 0;
  if (library.syscall_called(c)) return library.syscall_errno(c);
  return code < 0 ? -code : EINVAL;
}

}  // namespace

sdk::Expected<int> mount_with_libmount(const char* type, const std::string& options,
                                       const std::string& target) {
  auto library = load();
  if (!library) return std::unexpected(library.error());
  libmnt_context* context = library->new_context();
  if (!context) return ENOMEM;
  int code = mount_by(*library, context, type, options, target);
  library->free_context(context);
  return code;
}

}  // namespace rcrt::overlay
