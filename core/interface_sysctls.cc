// SPDX-License-Identifier: MIT
#include "core/interface_sysctls.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

Result<void> set(const std::string& path, const std::string& value) {
  UniqueFd fd(open(("/proc/sys/" + path).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT)
    return error("cannot set the sysctl", path, "the container has no such interface, or it no such setting",
                 ENOENT);
  if (!fd || write(fd.get(), value.data(), value.size()) < 0)
    return errno_error("cannot set the sysctl", path);
  return {};
}

}  // namespace

bool wants_interface(const std::string& path) {
  for (std::string_view folder : {"net/ipv4/conf/", "net/ipv4/neigh/", "net/ipv6/conf/", "net/ipv6/neigh/"}) {
    if (!path.starts_with(folder)) continue;
    std::string_view name = std::string_view(path).substr(folder.size());
    return !name.starts_with("all/") && !name.starts_with("default/") && !name.starts_with("lo/");
  }
  return false;
}

Sysctls take_interface_sysctls(Sysctls& all) {
  auto rest = std::ranges::stable_partition(all, [](const auto& one) { return !wants_interface(one.first); });
  Sysctls taken(std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  all.erase(rest.begin(), rest.end());
  return taken;
}

Result<void> set_sysctls_in(int netns, const Sysctls& sysctls) {
  if (sysctls.empty()) return {};
  UniqueFd own(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return errno_error("cannot open this thread's network namespace");
  if (setns(netns, CLONE_NEWNET) != 0) return errno_error("cannot enter the container's network namespace");
  Result<void> outcome;
  for (const auto& [path, value] : sysctls)
    if (outcome) outcome = set(path, value);
  if (setns(own.get(), CLONE_NEWNET) != 0)
    return errno_error("cannot return to the host's network namespace");
  return outcome;
}

}  // namespace rcrt
