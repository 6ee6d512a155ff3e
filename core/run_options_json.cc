// SPDX-License-Identifier: MIT
#include "core/run_options_json.h"

namespace rcrt {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(BindMount, type, source, target, options, read_only,
                                                create_source, volume, anonymous, no_copy)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PublishedPort, host_ip, host_port, container_port, protocol)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(IdMapping, container, host, size)
// All but what concerns one client: detach, attach_*, cid_file, pid_file, rows, columns.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    RunOptions, image, args, storage, isolation, networks, storage_options, name, hostname, domainname, user,
    workdir, env, groups, cap_add, cap_drop, security_opt, labels, mounts, ports, exposed, publish_all,
    add_host, dns, dns_search, dns_options, ip, ip6, mac, devices, device_rules, sysctls, annotations,
    cgroup_parent, rlimits, resources, shm_size, pid_mode, ipc_mode, uts_mode, cgroupns_mode, uid_map,
    gid_map, time_offsets, interactive, tty, remove, read_only, privileged, init, stop_signal, stop_timeout)

Json options_record(const RunOptions& options) {
  Json record = options;
  if (options.entrypoint) record["entrypoint"] = *options.entrypoint;
  if (options.oom_score_adj) record["oom_score_adj"] = *options.oom_score_adj;
  return record;
}

RunOptions options_of(const Json& record) {
  auto options = record.get<RunOptions>();
  if (auto it = record.find("entrypoint"); it != record.end())
    options.entrypoint = it->get<std::vector<std::string>>();
  if (auto it = record.find("oom_score_adj"); it != record.end()) options.oom_score_adj = it->get<int>();
  return options;
}

Json mounts_record(const std::vector<BindMount>& mounts) { return mounts; }
std::vector<BindMount> mounts_of(const Json& record) { return record.get<std::vector<BindMount>>(); }

}  // namespace rcrt
