// SPDX-License-Identifier: MIT
// HostConfig of `inspect`.
#include "cli/describe.h"
#include "core/run_options.h"

namespace rcrt::cli {
namespace {

Json member(const Json& object, const char* name) { return object.value(name, Json::object()); }

// "SOURCE:INSIDE[:ro]" of binds and volumes.
Json binds(const Container& container) {
  Json list = Json::array();
  for (const auto& mount : mounts_of(container))
    list.push_back(mount.value("Name", mount.value("Source", "")) + ":" + mount.value("Destination", "") +
                   (mount.value("RW", true) ? "" : ":ro"));
  return list;
}

Json tmpfs(const Json& config) {
  Json map = Json::object();
  for (const auto& mount : config.value("mounts", Json::array())) {
    if (mount.value("type", "") != "tmpfs") continue;
    std::string options;
    for (const auto& word : mount.value("options", std::vector<std::string>()))
      options += (options.empty() ? "" : ",") + word;
    map[mount.value("target", "")] = options;
  }
  return map;
}

int64_t shm_size(const Json& spec) {
  for (const auto& mount : spec.value("mounts", Json::array()))
    if (mount.value("destination", "") == "/dev/shm")
      for (const auto& word : mount.value("options", std::vector<std::string>()))
        if (word.starts_with("size=")) return parse_size(word.substr(sizeof "size=" - 1)).value_or(0);
  return 0;
}

Json ulimits(const Json& process) {
  Json list = Json::array();
  for (const auto& limit : process.value("rlimits", Json::array())) {
    std::string name = limit.value("type", "");
    name.erase(0, name.find('_') + 1);
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    list.push_back({{"Name", name}, {"Soft", limit["soft"]}, {"Hard", limit["hard"]}});
  }
  return list;
}

// `own` where the container has its own; "host", or the namespace it shares.
std::string mode_of(const Json& linux, const std::string& type, const char* own) {
  for (const auto& space : linux.value("namespaces", Json::array()))
    if (space.value("type", "") == type) return space.value("path", own);
  return "host";
}

}  // namespace

Json describe_host_config(const Container& container) {
  const Json& config = container.config;
  const Json spec = member(config, "spec"), process = member(spec, "process"), linux = member(spec, "linux");
  const Json resources = member(linux, "resources"), memory = member(resources, "memory");
  const Json cpu = member(resources, "cpu");
  const int64_t period = cpu.value("period", int64_t{0}), quota = cpu.value("quota", int64_t{0});
  return {{"Binds", binds(container)},
          {"Tmpfs", tmpfs(config)},
          {"ShmSize", shm_size(spec)},
          {"Memory", memory.value("limit", int64_t{0})},
          {"MemorySwap", memory.value("swap", int64_t{0})},
          {"MemoryReservation", memory.value("reservation", int64_t{0})},
          {"NanoCpus", period > 0 ? quota * 1'000'000'000 / period : 0},
          {"CpuPeriod", period},
          {"CpuQuota", quota},
          {"CpuShares", cpu.value("shares", int64_t{0})},
          {"CpusetCpus", cpu.value("cpus", "")},
          {"CpusetMems", cpu.value("mems", "")},
          {"BlkioWeight", member(resources, "blockIO").value("weight", 0)},
          {"PidsLimit", member(resources, "pids").value("limit", int64_t{0})},
          {"OomScoreAdj", process.value("oomScoreAdj", 0)},
          {"Ulimits", ulimits(process)},
          {"Sysctls", member(linux, "sysctl")},
          {"IpcMode", mode_of(linux, "ipc", "private")},
          {"PidMode", mode_of(linux, "pid", "")},
          {"UTSMode", mode_of(linux, "uts", "")},
          {"RestartPolicy", {{"Name", "no"}, {"MaximumRetryCount", 0}}},
          {"AutoRemove", config.value("autoRemove", false)},
          {"Privileged", config.value("privileged", false)},
          {"ReadonlyRootfs", member(spec, "root").value("readonly", false)},
          {"Init", config.value("init", false)},
          {"CapAdd", config.value("capAdd", Json::array())},
          {"CapDrop", config.value("capDrop", Json::array())},
          {"SecurityOpt", config.value("securityOpt", Json::array())},
          {"NetworkMode", config.value("networks", std::vector<std::string>{"none"}).at(0)},
          {"PortBindings", port_bindings(config.value("ports", Json::array()))},
          {"PublishAllPorts", config.value("publishAll", false)},
          {"CgroupParent", config.value("cgroupParent", "")},
          {"Annotations", member(spec, "annotations")},
          {"ExtraHosts", config.value("addHost", Json::array())},
          {"Dns", config.value("dns", Json::array())},
          {"DnsSearch", config.value("dnsSearch", Json::array())},
          {"DnsOptions", config.value("dnsOptions", Json::array())},
          {"LogConfig", {{"Type", "file"}, {"Config", Json::object()}}}};
}

}  // namespace rcrt::cli
