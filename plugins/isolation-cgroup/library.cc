// SPDX-License-Identifier: MIT
#include "library.h"

#include <dlfcn.h>
#include <libcgroup.h>

#include <memory>

#include "base/bind_symbol.h"

namespace rcrt::cgroup {
namespace {

struct Library {
  decltype(&::cgroup_init) init;
  decltype(&::cgroup_new_cgroup) new_cgroup;
  decltype(&::cgroup_free) free;
  decltype(&::cgroup_add_controller) add_controller;
  decltype(&::cgroup_add_value_string) add_value_string;
  decltype(&::cgroup_create_cgroup) create_cgroup;
  decltype(&::cgroup_strerror) strerror;
  decltype(&::cgroup_get_last_errno) last_errno;
};

// The code of the system call behind a libcgroup error, and its words.
std::unexpected<sdk::Failure> failed(const Library& library, int code, const char* what,
                                     const std::string& object) {
  if (code == ECGOTHER) return sdk::fail(library.last_errno(), what, object);
  return sdk::fail(code == ECGROUPNOTALLOWED || code == ECGROUPNOTOWNER ? EPERM : EIO, what, object,
                   std::string("libcgroup: ") + library.strerror(code));
}

Expected<Library> load() {
  // Kept for the life of the process: libcgroup cannot be initialised twice.
  void* handle = ::dlopen("libcgroup.so.2", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return sdk::fail(ENOENT, "cannot load libcgroup", "libcgroup.so.2",
                     "limits need it: install the package libcgroup2, or drop the limits");
  Library library{};
  bool complete = bind_symbol(handle, "cgroup_init", library.init) &&
                  bind_symbol(handle, "cgroup_new_cgroup", library.new_cgroup) &&
                  bind_symbol(handle, "cgroup_free", library.free) &&
                  bind_symbol(handle, "cgroup_add_controller", library.add_controller) &&
                  bind_symbol(handle, "cgroup_add_value_string", library.add_value_string) &&
                  bind_symbol(handle, "cgroup_create_cgroup", library.create_cgroup) &&
                  bind_symbol(handle, "cgroup_strerror", library.strerror) &&
                  bind_symbol(handle, "cgroup_get_last_errno", library.last_errno);
  if (!complete)
    return sdk::fail(ENOSYS, "libcgroup lacks functions", "libcgroup.so.2",
                     "libcgroup 2.0.2 or newer is needed");
  if (int code = library.init(); code != 0)
    return failed(library, code, "cannot initialise libcgroup", "/proc/mounts");
  return library;
}

}  // namespace

Status libcgroup_create(const std::string& name, const std::set<std::string>& controllers,
                        const std::vector<const Setting*>& settings) {
  RCRT_ASSIGN(Library library, load());
  struct Free {
    decltype(&::cgroup_free) free;
    void operator()(struct ::cgroup* group) const { free(&group); }
  };
  std::unique_ptr<struct ::cgroup, Free> group(library.new_cgroup(name.c_str()), Free{library.free});
  if (!group) return sdk::fail(ENOMEM, "cannot create cgroup", name);
  for (const auto& controller : controllers) {
    auto* added = library.add_controller(group.get(), controller.c_str());
    if (!added) return sdk::fail(EINVAL, "libcgroup refuses controller", controller);
    for (const Setting* setting : settings) {
      if (setting->controller != controller) continue;
      if (int code = library.add_value_string(added, setting->file.c_str(), setting->value.c_str());
          code != 0)
        return failed(library, code, "libcgroup refuses the value of", setting->file);
    }
  }
  // Owners are left alone (1): the group is root's, as its parent is.
  if (int code = library.create_cgroup(group.get(), 1); code != 0)
    return failed(library, code, "cannot create cgroup", name);
  return {};
}

}  // namespace rcrt::cgroup
