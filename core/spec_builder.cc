// SPDX-License-Identifier: MIT
#include "core/spec_builder.h"

#include <algorithm>
#include <set>

#include "base/path.h"
#include "core/defaults.h"
#include "core/devices.h"

namespace rcrt {
namespace {

std::vector<std::string> strings(const Json& config, const char* member) {
  std::vector<std::string> words;
  if (auto it = config.find(member); it != config.end() && it->is_array())
    for (const auto& word : *it)
      if (word.is_string()) words.push_back(word.get<std::string>());
  return words;
}

std::string text(const Json& config, const char* member) {
  auto it = config.find(member);
  return it != config.end() && it->is_string() ? it->get<std::string>() : std::string();
}

void set_env(std::vector<std::string>& env, const std::string& pair) {
  std::string prefix = pair.substr(0, pair.find('=') + 1);
  std::erase_if(env, [&](const std::string& old) { return old.starts_with(prefix); });
  env.push_back(pair);
}

std::vector<std::string> environment(const RunOptions& options, const SpecInput& input,
                                     const std::string& hostname) {
  std::vector<std::string> env = {std::string("PATH=") + kDefaultPath, "HOSTNAME=" + hostname};
  if (options.tty) env.push_back("TERM=xterm");
  for (const auto& pair : strings(input.image_config, "Env"))
    if (pair.find('=') != std::string::npos) set_env(env, pair);
  for (const auto& pair : options.env) set_env(env, pair);
  return env;
}

bool has_security_opt(const RunOptions& options, std::string_view word) {
  return std::ranges::find(options.security_opt, word) != options.security_opt.end();
}

Result<void> check_security_opts(const RunOptions& options) {
  for (const auto& word : options.security_opt) {
    static const std::set<std::string> known = {"no-new-privileges",       "no-new-privileges=true",
                                                "no-new-privileges:true",  "no-new-privileges=false",
                                                "no-new-privileges:false", "apparmor=unconfined",
                                                "label=disable",           "systempaths=unconfined"};
    if (known.contains(word) || word.starts_with("seccomp=")) continue;
    return error("unknown security option", word,
                 "known: seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined, "
                 "apparmor=unconfined, label=disable",
                 EINVAL);
  }
  return {};
}

// The namespace of one type: new, joined by path, or none when the host's is used.
Result<void> add_namespace(Json& namespaces, const char* type, const std::string& mode, const char* flag) {
  if (mode == "host") return {};
  Json entry = {{"type", type}};
  if (mode.starts_with("path:"))
    entry["path"] = mode.substr(5);
  else if (!mode.empty() && mode != "private")
    return error(std::string("unknown mode for --") + flag, mode, "use private, host or container:NAME",
                 EINVAL);
  namespaces.push_back(std::move(entry));
  return {};
}

Result<Json> namespaces(const RunOptions& options, const SpecInput& input) {
  Json list = Json::array({{{"type", "mount"}}});
  RCRT_TRY(add_namespace(list, "pid", options.pid_mode, "pid"));
  RCRT_TRY(add_namespace(list, "ipc", options.ipc_mode, "ipc"));
  RCRT_TRY(add_namespace(list, "uts", options.uts_mode, "uts"));
  RCRT_TRY(add_namespace(list, "cgroup", options.cgroupns_mode, "cgroupns"));
  if (!input.host_network)
    RCRT_TRY(add_namespace(list, "network", input.network_path.empty() ? "" : "path:" + input.network_path,
                           "net"));
  if (!options.uid_map.empty()) list.push_back({{"type", "user"}});
  if (!options.time_offsets.empty()) list.push_back({{"type", "time"}});
  return list;
}

Result<Json> mounts(const RunOptions& options, const SpecInput& input) {
  Json list = default_mounts(options.privileged, options.shm_size);
  if (options.ipc_mode == "host") {
    // The host's shared memory. A new mqueue mount shows the host's queues; making one needs
    // power over the IPC namespace, which a user namespace of the container's own has not.
    for (auto& mount : list)
      if ((mount["destination"] == "/dev/mqueue" && !options.uid_map.empty()) ||
          mount["destination"] == "/dev/shm")
        mount = {{"destination", mount["destination"]},
                 {"type", "bind"},
                 {"source", mount["destination"]},
                 {"options", {"rbind", "nosuid", "noexec", "nodev"}}};
  }
  // The user's mount replaces the default one at the same place, and of /dev all that is below it.
  std::set<std::string> taken;
  for (const auto& mount : options.mounts) taken.insert(mount.target);
  for (auto it = list.begin(); it != list.end();) {
    auto target = it->at("destination").get<std::string>();
    bool hidden = taken.contains(target) || (taken.contains("/dev") && target.starts_with("/dev/"));
    it = hidden ? list.erase(it) : it + 1;
  }
  std::vector<Json> further;
  auto bind = [&](const std::string& source, const char* target) {
    if (source.empty() || taken.contains(target)) return;
    Json words = {"bind", "rprivate"};
    if (options.read_only) words.push_back("ro");
    further.push_back({{"destination", target}, {"type", "bind"}, {"source", source}, {"options", words}});
  };
  bind(input.resolv_file, "/etc/resolv.conf");
  bind(input.hostname_file, "/etc/hostname");
  bind(input.hosts_file, "/etc/hosts");
  for (const auto& mount : options.mounts) {
    std::vector<std::string> words = mount.options;
    if (mount.type == "bind") {
      auto has = [&](const char* word) { return std::ranges::find(words, word) != words.end(); };
      if (!has("bind") && !has("rbind")) words.insert(words.begin(), "rbind");
      bool propagation = std::ranges::any_of(words, [](const std::string& w) {
        return w.ends_with("private") || w.ends_with("shared") || w.ends_with("slave");
      });
      if (!propagation) words.push_back("rprivate");
      // Read-only means all that is mounted below it too, also where a single mount was asked for.
      bool single = has("bind") && !has("rbind");
      if (mount.read_only) words.push_back(single ? "ro" : "rro");
      if (has("idmap")) {
        if (options.uid_map.empty())
          return error("idmap without a user namespace in mount of", mount.target, "add --uidmap", EINVAL);
        if (!single) std::ranges::replace(words, std::string("idmap"), std::string("ridmap"));
      }
    } else if (mount.read_only) {
      words.push_back("ro");
    }
    further.push_back({{"destination", mount.target},
                       {"type", mount.type},
                       {"source", mount.type == "bind" ? mount.source : "tmpfs"},
                       {"options", words}});
  }
  // Those above come before those below them.
  auto depth = [](const Json& mount) {
    std::string target = clean_path(mount.at("destination").get<std::string>());
    return target.empty() ? 0 : std::ranges::count(target, '/') + 1;
  };
  std::ranges::stable_sort(further, {}, depth);
  for (auto& mount : further) list.push_back(std::move(mount));
  return list;
}

Result<void> add_devices(const RunOptions& options, Json& linux) {
  Json devices = Json::array();
  Json rules = default_device_rules();
  if (options.privileged) {
    devices = host_devices();
    rules = Json::array({{{"allow", true}, {"access", "rwm"}}});
  }
  for (const auto& word : options.devices) {
    RCRT_ASSIGN(const auto entries, describe_devices(word));
    for (const DeviceEntry& entry : entries) {
      devices.push_back(entry.device);
      rules.push_back(entry.rule);
    }
  }
  for (const auto& word : options.device_rules) {
    RCRT_ASSIGN(Json rule, parse_device_rule(word));
    rules.push_back(std::move(rule));
  }
  if (!devices.empty()) linux["devices"] = std::move(devices);
  linux["resources"] = options.resources;
  linux["resources"]["devices"] = std::move(rules);
  return {};
}

}  // namespace

Json id_mappings(const std::vector<IdMapping>& mappings) {
  Json json = Json::array();
  for (const auto& m : mappings)
    json.push_back({{"containerID", m.container}, {"hostID", m.host}, {"size", m.size}});
  return json;
}

Result<std::vector<std::string>> command_line(const RunOptions& options, const Json& image_config) {
  std::vector<std::string> words =
      options.entrypoint ? *options.entrypoint : strings(image_config, "Entrypoint");
  std::vector<std::string> rest = options.args;
  // An entrypoint of the user's own drops the image's command, as docker does.
  if (rest.empty() && !options.entrypoint) rest = strings(image_config, "Cmd");
  words.insert(words.end(), rest.begin(), rest.end());
  if (!words.empty() && words[0].empty())
    return error("no command to run in", options.image, "its first word is empty", EINVAL);
  if (words.empty())
    return error("no command to run in", options.image, "the image names none: give one after the image",
                 EINVAL);
  return words;
}

Result<Json> build_spec(const RunOptions& options, const SpecInput& input) {
  RCRT_TRY(check_security_opts(options));
  RCRT_ASSIGN(auto args, command_line(options, input.image_config));
  RCRT_ASSIGN(auto capabilities, choose_capabilities(options.privileged, options.cap_add, options.cap_drop));
  std::string hostname = options.hostname.empty() ? input.id.substr(0, 12) : options.hostname;
  std::string cwd = options.workdir.empty() ? text(input.image_config, "WorkingDir") : options.workdir;
  if (cwd.empty()) cwd = "/";
  if (cwd[0] != '/') return error("invalid working directory", cwd, "it is an absolute path", EINVAL);

  Json process = {{"terminal", options.tty},
                  {"args", args},
                  {"env", environment(options, input, hostname)},
                  {"cwd", cwd},
                  {"capabilities",
                   {{"bounding", capabilities},
                    {"effective", Json::array()},
                    {"permitted", Json::array()},
                    {"inheritable", Json::array()},
                    {"ambient", Json::array()}}},
                  {"noNewPrivileges", has_security_opt(options, "no-new-privileges") ||
                                          has_security_opt(options, "no-new-privileges=true") ||
                                          has_security_opt(options, "no-new-privileges:true")}};
  if (options.tty && options.rows > 0)
    process["consoleSize"] = {{"height", options.rows}, {"width", options.columns}};
  if (!options.rlimits.empty()) process["rlimits"] = options.rlimits;
  if (options.oom_score_adj) process["oomScoreAdj"] = *options.oom_score_adj;

  Json linux = Json::object();
  RCRT_ASSIGN(linux["namespaces"], namespaces(options, input));
  linux["cgroupsPath"] = (options.cgroup_parent.empty() ? "/rcrt" : options.cgroup_parent) + "/" + input.id;
  if (!options.uid_map.empty()) {
    linux["uidMappings"] = id_mappings(options.uid_map);
    linux["gidMappings"] = id_mappings(options.gid_map);
  }
  if (!options.time_offsets.empty()) linux["timeOffsets"] = options.time_offsets;
  RCRT_TRY(add_devices(options, linux));
  if (!options.privileged && !has_security_opt(options, "systempaths=unconfined")) {
    linux["maskedPaths"] = default_masked_paths();
    linux["readonlyPaths"] = default_readonly_paths();
  }
  Json sysctls = options.sysctls;
  if (!input.host_network && input.network_path.empty()) {
    // As docker: any user in the container may bind low ports and send pings.
    if (!sysctls.contains("net.ipv4.ip_unprivileged_port_start"))
      sysctls["net.ipv4.ip_unprivileged_port_start"] = "0";
    if (!sysctls.contains("net.ipv4.ping_group_range") && options.uid_map.empty())
      sysctls["net.ipv4.ping_group_range"] = "0 2147483647";
  }
  if (!sysctls.empty()) linux["sysctl"] = std::move(sysctls);

  RCRT_ASSIGN(Json mount_list, mounts(options, input));
  Json spec = {{"ociVersion", "1.2.0"},
               {"process", std::move(process)},
               {"root", {{"path", "rootfs"}, {"readonly", options.read_only}}},
               {"mounts", std::move(mount_list)},
               {"linux", std::move(linux)}};
  if (!options.annotations.empty()) spec["annotations"] = options.annotations;
  if (options.uts_mode != "host") {
    spec["hostname"] = hostname;
    if (!options.domainname.empty()) spec["domainname"] = options.domainname;
  }
  return spec;
}

void set_user(Json& spec, const User& user) {
  Json& process = spec["process"];
  std::vector<uint32_t> groups = user.groups;
  groups.insert(groups.begin(), user.gid);
  process["user"] = {{"uid", user.uid}, {"gid", user.gid}, {"additionalGids", groups}};
  // Only root starts with capabilities; for others they bound what a set-uid file can give.
  Json& capabilities = process["capabilities"];
  if (user.uid == 0) capabilities["effective"] = capabilities["permitted"] = capabilities["bounding"];
  Json& env = process["env"];
  bool has_home = std::ranges::any_of(
      env, [](const Json& pair) { return pair.get_ref<const std::string&>().starts_with("HOME="); });
  if (!has_home) env.push_back("HOME=" + user.home);
}

}  // namespace rcrt
