// SPDX-License-Identifier: MIT
#include "tree.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>

#include "base/fault.h"
#include "control.h"

namespace rcrt::cgroup {
namespace {

// What we did to a group is kept in its extended attributes: they die with it.
constexpr char kMade[] = "user.rcrt.made";        // we made this directory
constexpr char kEnabled[] = "user.rcrt.enabled";  // controllers we put into its subtree_control

std::string attribute(int dir, const char* name) {
  char value[512];
  ssize_t n = ::fgetxattr(dir, name, value, sizeof value);
  return n < 0 ? std::string() : std::string(value, static_cast<size_t>(n));
}

std::string joined(const std::set<std::string>& set) {
  std::string text;
  for (const auto& word : set) text += (text.empty() ? "" : " ") + word;
  return text;
}

Status hand_down(int dir, const std::string& where, const std::set<std::string>& controllers,
                 const std::string& v2_path) {
  RCRT_ASSIGN(std::string offered, read_file(dir, "cgroup.controllers"));
  RCRT_ASSIGN(std::string enabled, read_file(dir, "cgroup.subtree_control"));
  auto have = word_set(offered), on = word_set(enabled);
  std::set<std::string> missing;
  for (const auto& controller : controllers) {
    if (!have.contains(controller)) return std::unexpected(missing_controller(controller, v2_path));
    if (!on.contains(controller)) missing.insert(controller);
  }
  if (missing.empty()) return {};
  // Noted before it is done, so that whoever cleans up after a kill knows. Where the
  // kernel keeps no such attributes the controllers simply stay enabled.
  auto noted = word_set(attribute(dir, kEnabled));
  noted.insert(missing.begin(), missing.end());
  std::string note = joined(noted);
  fault_point("cgroup: note controllers");
  (void)::fsetxattr(dir, kEnabled, note.data(), note.size(), 0);
  for (const auto& controller : missing) {
    fault_point("cgroup: enable controller");
    auto written = write_file(dir, "cgroup.subtree_control", "+" + controller);
    if (!written && written.error().code == EBUSY)
      return sdk::fail(EBUSY, "cannot hand controller \"" + controller + "\" down from cgroup", where,
                       "it holds processes of its own; move them into a child group "
                       "(cgroup v2 allows processes only in the leaves)");
    if (!written)
      return sdk::fail(written.error().code, "cannot hand controller \"" + controller + "\" down from cgroup",
                       where);
    fault_point("cgroup: controller enabled");
  }
  return {};
}

// True if every group below `dir` has, for this controller, what a fresh group has:
// then nobody set anything and taking the controller away loses nothing.
bool nobody_uses(int dir, const std::string& controller) {
  auto others = children(dir);
  if (!others) return false;
  if (others->empty()) return true;
  std::string probe = "rcrt-probe-" + std::to_string(::getpid());
  if (::mkdirat(dir, probe.c_str(), 0755) != 0) return false;
  bool unused = true;
  if (auto fresh = open_directory(dir, probe.c_str())) {
    for (const std::string& file : setting_files(fresh->get(), controller)) {
      auto expected = read_file(fresh->get(), file.c_str());
      for (const auto& other : *others) {
        auto actual = read_file(dir, (other + "/" + file).c_str());
        bool gone = !actual && actual.error().code == ENOENT;
        unused = unused && (gone || (actual && expected && *actual == *expected));
      }
    }
    // A group that hands the controller further down uses it too.
    for (const auto& other : *others) {
      auto down = read_file(dir, (other + "/cgroup.subtree_control").c_str());
      unused = unused && down && !word_set(*down).contains(controller);
    }
  } else {
    unused = false;
  }
  (void)::unlinkat(dir, probe.c_str(), AT_REMOVEDIR);
  return unused;
}

void take_back(int dir) {
  auto noted = word_set(attribute(dir, kEnabled));
  if (noted.empty()) return;
  std::set<std::string> kept;
  for (const auto& controller : noted) {
    fault_point("cgroup: disable controller");
    if (!nobody_uses(dir, controller) || !write_file(dir, "cgroup.subtree_control", "-" + controller))
      kept.insert(controller);
  }
  std::string note = joined(kept);
  if (kept.empty())
    (void)::fremovexattr(dir, kEnabled);
  else
    (void)::fsetxattr(dir, kEnabled, note.data(), note.size(), 0);
  fault_point("cgroup: controllers given back");
}

// rmdir of a group and of all the groups the container made in it.
Status remove_tree(int parent, const std::string& name, const std::string& shown) {
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  int code = errno;
  auto dir = open_directory(parent, name.c_str());
  if (!dir) return dir.error().code == ENOENT ? Status{} : sdk::fail(code, "cannot remove cgroup", shown);
  // Something is alive in there, or it has children.
  RCRT_TRY(kill_group(dir->get()));
  wait_until_empty(dir->get());
  if (auto inner = children(dir->get()))
    for (const auto& child : *inner) RCRT_TRY(remove_tree(dir->get(), child, shown + "/" + child));
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return sdk::fail_errno("cannot remove cgroup", shown, "see its cgroup.procs for what is still in it");
}

}  // namespace

TreeLock::TreeLock(const Hierarchy& hierarchy)
    : fd_(::openat(hierarchy.root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_)
    while (::flock(fd_.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
}

Expected<UniqueFd> make_parents(const Hierarchy& hierarchy, const std::vector<std::string>& path,
                                const std::set<std::string>& controllers) {
  RCRT_ASSIGN(UniqueFd dir, open_directory(hierarchy.root.get(), "."));
  std::string where = hierarchy.path;
  if (!controllers.empty()) RCRT_TRY(hand_down(dir.get(), where, controllers, hierarchy.path));
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    where += "/" + path[i];
    fault_point("cgroup: make parent");
    bool made = ::mkdirat(dir.get(), path[i].c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return sdk::fail_errno("cannot create cgroup", where);
    RCRT_ASSIGN(UniqueFd next, open_directory(dir.get(), path[i].c_str()));
    if (made) (void)::fsetxattr(next.get(), kMade, "1", 1, 0);
    fault_point("cgroup: parent made");
    dir = std::move(next);
    if (!controllers.empty()) RCRT_TRY(hand_down(dir.get(), where, controllers, hierarchy.path));
  }
  return dir;
}

Expected<UniqueFd> open_group(const Hierarchy& hierarchy, const std::vector<std::string>& path) {
  RCRT_ASSIGN(UniqueFd dir, open_directory(hierarchy.root.get(), path[0].c_str()));
  for (size_t i = 1; i < path.size(); ++i) {
    RCRT_ASSIGN(UniqueFd next, open_directory(dir.get(), path[i].c_str()));
    dir = std::move(next);
  }
  return dir;
}

Status remove_group(const Hierarchy& hierarchy, const std::vector<std::string>& path) {
  std::vector<UniqueFd> dirs;
  dirs.emplace_back(::openat(hierarchy.root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dirs[0]) return sdk::fail_errno("cannot open cgroup", hierarchy.path);
  std::string shown = hierarchy.path;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    auto next = open_directory(dirs.back().get(), path[i].c_str());
    if (!next && next.error().code != ENOENT) return std::unexpected(next.error());
    if (!next) break;
    dirs.push_back(std::move(*next));
    shown += "/" + path[i];
  }
  if (dirs.size() == path.size()) {
    fault_point("cgroup: remove group");
    RCRT_TRY(remove_tree(dirs.back().get(), path.back(), shown + "/" + path.back()));
    fault_point("cgroup: group removed");
  }
  // Upwards. "rcrt" right below the root is ours by its name, whoever was killed
  // before marking it.
  for (size_t i = dirs.size(); i-- > 0;) {
    take_back(dirs[i].get());
    if (i == 0) break;
    bool ours = (i == 1 && path[0] == "rcrt") || !attribute(dirs[i].get(), kMade).empty();
    if (!ours || ::unlinkat(dirs[i - 1].get(), path[i - 1].c_str(), AT_REMOVEDIR) != 0) {
      // Still in use; the groups above it are too, but a controller may have become free.
      continue;
    }
    fault_point("cgroup: parent removed");
  }
  return {};
}

}  // namespace rcrt::cgroup
