// SPDX-License-Identifier: MIT
// isolation-cgroup: limits and device access through cgroup v2.
//
// A container without limits costs one or two mkdir(2) and always runs, also where
// there is no cgroup v2 or it cannot be written. Limits are created and configured by
// libcgroup (see library.h for when it is loaded); what it cannot say (several devices
// in one file, files of the group itself, eBPF) is written on the directory's fd.
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <rcrt/plugin.hpp>

#include "base/result.h"
#include "control.h"
#include "devices.h"
#include "group.h"
#include "hierarchy.h"
#include "resources.h"
#include "systemd.h"
#include "tree.h"

namespace rcrt::cgroup {
namespace {

using sdk::Call;
using sdk::Json;

const Json& resources_of(const Call& call) {
  static const Json nothing = Json::object();
  auto it = call.request().find("resources");
  return it == call.request().end() || it->is_null() ? nothing : *it;
}

// A controller that is missing does not know who wants it.
std::unexpected<sdk::Failure> for_limits(sdk::Failure failure, const Settings& settings) {
  for (const auto& setting : settings.list)
    if (setting.controller == failure.object) {
      failure.hint += "; " + setting.member + " needs it";
      break;
    }
  return std::unexpected(std::move(failure));
}

// What stands in for the default device rules where they cannot be enforced: the container can
// make no device node, and those its root brings are dead.
Json without_device_rules() { return {{"dropCapabilities", {"CAP_MKNOD"}}, {"nodev", true}}; }

// A container that asks for nothing runs without a group when none can be made.
Status run_without(Call& call, const std::vector<DeviceRule>& rules, const sdk::Failure& why) {
  if (call.flag("required")) return std::unexpected(why);
  if (!rules.empty() && !only_default_devices(rules))
    return sdk::fail(why.code, "cannot enforce device rules: " + why.what, why.object,
                     "mount cgroup v2 writable (mount -t cgroup2 none /sys/fs/cgroup), or drop --device");
  call.debug(why.what + (why.object.empty() ? "" : " \"" + why.object + "\"") +
             ": the container runs without a cgroup");
  if (!rules.empty()) call.result(without_device_rules());
  return {};
}

Status make_devices(Call& call, int group, const std::vector<DeviceRule>& rules) {
  if (rules.empty() || allows_everything(rules)) return {};
  auto attached = attach_device_program(group, device_program(rules));
  if (attached || !only_default_devices(rules)) return attached;
  call.debug(attached.error().what + ": " + std::strerror(attached.error().code) +
             ": the container can use no device nodes of its own");
  call.result(without_device_rules());
  return {};
}

// The scope's name where systemd makes the group.
const Json* systemd_unit(const Call& call) {
  auto scope = call.request().find("systemd");
  return scope == call.request().end() ? nullptr : &scope->at("unit");
}

Status make_scope(const Call& call, const Hierarchy& hierarchy, const std::vector<std::string>& path,
                  const Settings& settings, UniqueFd& group) {
  const Json& scope = call.request().at("systemd");
  RCRT_TRY(start_scope(scope.at("unit").get<std::string>(), scope.at("slice").get<std::string>(),
                       scope.at("pid").get<pid_t>(), settings));
  auto opened = open_group(hierarchy, path);
  if (!opened)
    return sdk::fail(opened.error().code, "systemd made the scope in another hierarchy than",
                     hierarchy.path + "/" + group_name(path), "unmount the second cgroup v2 mount");
  group = std::move(*opened);
  return write_settings(group.get(), settings);
}

Status remove(const Call& call, const Hierarchy& hierarchy, const std::vector<std::string>& path) {
  if (const Json* unit = systemd_unit(call)) return stop_scope(unit->get<std::string>());
  return remove_group(hierarchy, path);
}

Status prepare(Call& call) {
  RCRT_ASSIGN(auto path, split_path(call.text("cgroup_path")));
  RCRT_ASSIGN(Settings settings, convert(resources_of(call), false));
  RCRT_ASSIGN(auto rules, parse_device_rules(resources_of(call)));
  for (const auto& line : settings.ignored) call.warn(line + ", ignoring");

  auto hierarchy = find_hierarchy();
  if (!hierarchy) {
    sdk::Failure none{ENOENT, "no cgroup v2 hierarchy is mounted", "", ""};
    if (settings.list.empty()) return run_without(call, rules, none);
    auto controllers = settings.controllers();
    if (!controllers.empty())
      return for_limits(missing_controller(*controllers.begin(), "/sys/fs/cgroup"), settings);
    return sdk::fail(ENOENT, none.what, {}, "mount one: mount -t cgroup2 none /sys/fs/cgroup");
  }

  UniqueFd group;
  Status done = {};
  std::optional<TreeLock> lock;
  if (systemd_unit(call)) {
    done = make_scope(call, *hierarchy, path, settings, group);
  } else if (settings.controllers().empty()) {
    auto made = make_plain_group(*hierarchy, path);
    if (!made && settings.list.empty()) return run_without(call, rules, made.error());
    if (!made) return std::unexpected(made.error());
    group = std::move(*made);
    done = write_settings(group.get(), settings);
  } else {
    lock.emplace(*hierarchy);
    if (auto parent = make_parents(*hierarchy, path, settings.controllers()); !parent)
      done = for_limits(parent.error(), settings);
    else
      done = make_limited_group(group_name(path), parent->get(), settings, group);
  }
  if (done) done = make_devices(call, group.get(), rules);
  if (!done) {
    (void)remove(call, *hierarchy, path);
    return done;
  }
  call.give_fd("cgroup", group.release());
  return {};
}

Status release(Call& call) {
  RCRT_ASSIGN(auto path, split_path(call.text("cgroup_path")));
  auto hierarchy = find_hierarchy();
  if (!hierarchy) return {};
  TreeLock lock(*hierarchy);
  auto removed = remove(call, *hierarchy, path);
  // Where nothing can be written, nothing was made.
  if (!removed && removed.error().code == EROFS) return {};
  return removed;
}

// The group of a running container; ENOENT with words a person understands.
Expected<UniqueFd> group_of(Call& call) {
  RCRT_ASSIGN(auto path, split_path(call.text("cgroup_path")));
  auto hierarchy = find_hierarchy();
  if (!hierarchy)
    return sdk::fail(ENOENT, "container has no cgroup", call.text("container"), "cgroup v2 is not mounted");
  auto group = open_group(*hierarchy, path);
  if (!group && group.error().code == ENOENT)
    return sdk::fail(ENOENT, "container has no cgroup", call.text("container"),
                     "it does not run, or runs without one");
  return group;
}

Status update(Call& call) {
  RCRT_ASSIGN(auto path, split_path(call.text("cgroup_path")));
  RCRT_ASSIGN(Settings settings, convert(resources_of(call), true));
  RCRT_ASSIGN(auto rules, parse_device_rules(resources_of(call)));
  for (const auto& line : settings.ignored) call.warn(line + ", ignoring");
  RCRT_ASSIGN(UniqueFd group, group_of(call));
  auto hierarchy = find_hierarchy();
  if (hierarchy && !settings.controllers().empty()) {
    TreeLock lock(*hierarchy);
    auto parent = make_parents(*hierarchy, path, settings.controllers());
    if (!parent) return for_limits(parent.error(), settings);
  }
  if (const Json* unit = systemd_unit(call)) RCRT_TRY(change_scope(unit->get<std::string>(), settings));
  RCRT_TRY(write_settings(group.get(), settings));
  if (!rules.empty() && !allows_everything(rules))
    RCRT_TRY(attach_device_program(group.get(), device_program(rules)));
  return {};
}

Status stats(Call& call) {
  RCRT_ASSIGN(UniqueFd group, group_of(call));
  call.result(group_stats(group.get()));
  return {};
}

Status freeze(Call& call) {
  RCRT_ASSIGN(UniqueFd group, group_of(call));
  return freeze_group(group.get(), call.flag("frozen"));
}

Status kill(Call& call) {
  auto group = group_of(call);
  if (!group) return group.error().code == ENOENT ? Status{} : std::unexpected(group.error());
  return kill_group(group->get());
}

Status doctor(Call& call) {
  Json findings = Json::array();
  auto add = [&](bool ok, std::string what, std::string cure = {}) {
    findings.push_back({{"ok", ok}, {"what", std::move(what)}, {"cure", std::move(cure)}});
  };
  auto hierarchy = find_hierarchy();
  if (!hierarchy) {
    add(false, "no cgroup v2 hierarchy is mounted: containers run without limits and device rules",
        "mount -t cgroup2 none /sys/fs/cgroup");
  } else {
    add(true, "cgroup v2 at " + hierarchy->path);
    if (::faccessat(hierarchy->root.get(), "cgroup.subtree_control", W_OK, 0) != 0)
      add(false, "cgroup v2 at " + hierarchy->path + " cannot be written: " + std::strerror(errno),
          "run as root, with the hierarchy mounted read-write");
    auto offered = read_file(hierarchy->root.get(), "cgroup.controllers");
    auto have = word_set(offered ? *offered : "");
    for (const char* controller : {"cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma"}) {
      if (have.contains(controller)) {
        add(true, std::string("cgroup controller ") + controller);
      } else {
        auto missing = missing_controller(controller, hierarchy->path);
        add(false, std::string("cgroup controller ") + controller + " cannot be used", missing.hint);
      }
    }
  }
  call.result({{"findings", findings}});
  return {};
}

constexpr rcrt_isolation_v1 kIsolation = {
    .size = sizeof(rcrt_isolation_v1),
    .prepare = RCRT_FUNCTION(prepare),
    .release = RCRT_FUNCTION(release),
    .update = RCRT_FUNCTION(update),
    .stats = RCRT_FUNCTION(stats),
    .freeze = RCRT_FUNCTION(freeze),
    .kill = RCRT_FUNCTION(kill),
    .doctor = RCRT_FUNCTION(doctor),
};

}  // namespace
}  // namespace rcrt::cgroup

RCRT_PLUGIN("isolation-cgroup", "0.1.0", "limits and device access through cgroup v2", "MIT",
            {RCRT_ISOLATION_V1, &rcrt::cgroup::kIsolation});
