// SPDX-License-Identifier: MIT
#include "detached_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fault.h"

namespace rcrt::overlay {
namespace {

constexpr size_t kLongestValue = 255;  // of fsconfig(2), FSCONFIG_SET_STRING

bool set(int context, const char* key, const std::string& value) {
  return value.size() <= kLongestValue && fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

std::optional<UniqueFd> configure_and_mount(const Request& request, const std::string& names) {
  UniqueFd dir(open(request.parent().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  UniqueFd context(fsopen("overlay", FSOPEN_CLOEXEC));
  if (!dir || !context) return {};
  // By descriptor: the container does not see the path in its mount table.
  std::string base = "/proc/self/fd/" + std::to_string(dir.get());
  bool configured =
      set(context.get(), "source", "overlay") && set(context.get(), "lowerdir", names) &&
      set(context.get(), "upperdir", base + "/" + request.name()) &&
      set(context.get(), "workdir", base + "/" + request.work()) && set(context.get(), "index", "off") &&
      set(context.get(), "metacopy", "off") && set(context.get(), "redirect_dir", "nofollow") &&
      (!request.is_volatile || fsconfig(context.get(), FSCONFIG_SET_FLAG, "volatile", nullptr, 0) == 0);
  if (!configured) return {};
  fault_point("storage-overlay: create");
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  UniqueFd root(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!root) return {};
  fault_point("storage-overlay: created");
  return root;
}

}  // namespace

std::optional<UniqueFd> mount_detached(const Request& request, const std::string& folder,
                                       const std::string& names) {
  if (names.size() > kLongestValue) return {};
  UniqueFd before(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!before || chdir(folder.c_str()) != 0) return {};
  auto root = configure_and_mount(request, names);
  // It was our working directory a moment ago and we hold it open.
  if (fchdir(before.get()) != 0) return {};
  return root;
}

}  // namespace rcrt::overlay
