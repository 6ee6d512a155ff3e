// SPDX-License-Identifier: MIT
// pause, resume, update, events.
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "core/files.h"
#include "core/oci/strict_json.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

Result<int> pause_command(Context& context, const Arguments& arguments) {
  RCRT_TRY(context.runtime().pause(arguments.words[0], true));
  return 0;
}

Result<int> resume_command(Context& context, const Arguments& arguments) {
  RCRT_TRY(context.runtime().pause(arguments.words[0], false));
  return 0;
}

struct Limit {
  Option option;
  const char* group;
  const char* member;
  bool bytes;  // takes k, m, g
};

const Limit kLimits[] = {
    {{"blkio-weight", 0, "N", "weight for block I/O, 10 to 1000"}, "blockIO", "weight", false},
    {{"cpu-period", 0, "USEC", "length of a period"}, "cpu", "period", false},
    {{"cpu-quota", 0, "USEC", "CPU time in a period"}, "cpu", "quota", false},
    {{"cpu-burst", 0, "USEC", "CPU time that may be saved up"}, "cpu", "burst", false},
    {{"cpu-share", 0, "N", "CPU shares, 2 to 262144"}, "cpu", "shares", false},
    {{"cpu-rt-period", 0, "USEC", "not in cgroup v2"}, "cpu", "realtimePeriod", false},
    {{"cpu-rt-runtime", 0, "USEC", "not in cgroup v2"}, "cpu", "realtimeRuntime", false},
    {{"cpu-idle", 0, "0|1", "1: run only when nothing else does"}, "cpu", "idle", false},
    {{"memory", 0, "BYTES", "limit of memory"}, "memory", "limit", true},
    {{"memory-reservation", 0, "BYTES", "memory that is kept under pressure"}, "memory", "reservation", true},
    {{"memory-swap", 0, "BYTES", "limit of memory and swap together, -1 for none"}, "memory", "swap", true},
    {{"kernel-memory", 0, "BYTES", "not in cgroup v2"}, "memory", "kernel", true},
    {{"kernel-memory-tcp", 0, "BYTES", "not in cgroup v2"}, "memory", "kernelTCP", true},
    {{"pids-limit", 0, "N", "number of processes, -1 for no limit"}, "pids", "limit", false},
};

std::vector<Option> update_options() {
  std::vector<Option> options = {
      {"resources", 'r', "FILE", "linux.resources as JSON; - is standard input"},
      {"cpuset-cpus", 0, "LIST", "CPUs to run on"},
      {"cpuset-mems", 0, "LIST", "memory nodes to use"},
      {"l3-cache-schema", 0, "SCHEMA", "a line of the resctrl group, as L3:0=ffff"},
      {"mem-bw-schema", 0, "SCHEMA", "a line of the resctrl group, as MB:0=20"},
  };
  for (const auto& limit : kLimits) options.push_back(limit.option);
  return options;
}

Result<std::string> read_input() {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(0, buffer, sizeof buffer)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read standard input");
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > kMaxJson) return error("standard input is larger than 16 MiB", {}, {}, EFBIG);
  }
  return text;
}

Result<int> update_command(Context& context, const Arguments& arguments) {
  Json resources = Json::object();
  if (std::string file = arguments.text("resources"); !file.empty()) {
    RCRT_ASSIGN(std::string text, file == "-" ? read_input() : read_file(file, kMaxJson));
    RCRT_ASSIGN(resources, parse_strict(text, file));
  } else {
    for (const auto& limit : kLimits) {
      if (!arguments.has(limit.option.name)) continue;
      std::string text = arguments.text(limit.option.name);
      RCRT_ASSIGN(int64_t value,
                  limit.bytes ? size(text, limit.option.name) : number(text, limit.option.name));
      resources[limit.group][limit.member] = value;
    }
    if (arguments.has("cpuset-cpus")) resources["cpu"]["cpus"] = arguments.text("cpuset-cpus");
    if (arguments.has("cpuset-mems")) resources["cpu"]["mems"] = arguments.text("cpuset-mems");
  }
  std::vector<std::string> schemata;
  for (const char* option : {"l3-cache-schema", "mem-bw-schema"})
    if (arguments.has(option)) schemata.push_back(arguments.text(option));
  RCRT_TRY(context.runtime().update(arguments.words[0], resources, schemata));
  return 0;
}

uint64_t value_of(const Json& stats, const char* group, const char* member) {
  auto it = stats.find(group);
  return it == stats.end() || !it->is_object() ? 0 : it->value(member, uint64_t{0});
}

// The plugin's numbers in runc's shape: times in nanoseconds.
Json event_of(const Json& stats, const std::string& id) {
  Json data = {
      {"cpu",
       {{"usage",
         {{"total", value_of(stats, "cpu", "usage_usec") * 1000},
          {"kernel", value_of(stats, "cpu", "system_usec") * 1000},
          {"user", value_of(stats, "cpu", "user_usec") * 1000}}},
        {"throttling",
         {{"throttledPeriods", value_of(stats, "cpu", "nr_throttled")},
          {"throttledTime", value_of(stats, "cpu", "throttled_usec") * 1000}}}}},
      {"cpuset", Json::object()},
      {"memory",
       {{"usage",
         {{"limit", value_of(stats, "memory", "limit")},
          {"usage", value_of(stats, "memory", "current")},
          {"max", value_of(stats, "memory", "peak")},
          {"failcnt", value_of(stats, "memory", "oom_kills")}}},
        {"swap", {{"usage", value_of(stats, "memory", "swap")}}},
        {"kernel", Json::object()},
        {"kernelTCP", Json::object()}}},
      {"pids",
       {{"current", value_of(stats, "pids", "current")}, {"limit", value_of(stats, "pids", "limit")}}},
      {"blkio", Json::object()},
      {"hugetlb", Json::object()},
      {"intel_rdt", Json::object()},
      {"network_interfaces", nullptr}};
  if (auto io = stats.find("io"); io != stats.end() && io->is_array()) {
    Json bytes = Json::array(), operations = Json::array();
    for (const auto& device : *io) {
      unsigned major = 0, minor = 0;
      if (sscanf(device.value("device", "").c_str(), "%u:%u", &major, &minor) != 2) continue;
      for (auto [op, key, list] : {std::tuple{"Read", "rbytes", &bytes},
                                   {"Write", "wbytes", &bytes},
                                   {"Read", "rios", &operations},
                                   {"Write", "wios", &operations}})
        list->push_back(
            {{"major", major}, {"minor", minor}, {"op", op}, {"value", device.value(key, uint64_t{0})}});
    }
    data["blkio"] = {{"ioServiceBytesRecursive", bytes}, {"ioServicedRecursive", operations}};
  }
  return {{"type", "stats"}, {"id", id}, {"data", data}};
}

Result<int64_t> interval_of(const Arguments& arguments) {
  if (!arguments.has("interval")) return 5000;
  std::string text = arguments.text("interval");
  int64_t unit = 1000;
  if (text.ends_with("ms")) {
    unit = 1;
    text.resize(text.size() - 2);
  } else if (text.ends_with("s") || text.ends_with("m")) {
    unit = text.back() == 'm' ? 60'000 : 1000;
    text.pop_back();
  }
  RCRT_ASSIGN(int64_t count, number(text, "interval"));
  if (count <= 0 || count > 1'000'000)
    return error("invalid value for --interval", arguments.text("interval"),
                 "give a time such as 5s or 500ms", EINVAL);
  return count * unit;
}

Result<int> events_command(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.words[0];
  RCRT_ASSIGN(int64_t interval, interval_of(arguments));
  RCRT_ASSIGN(Json stats, context.runtime().stats(id));
  uint64_t kills = value_of(stats, "memory", "oom_kills");
  if (arguments.flag("stats")) {
    printf("%s\n", event_of(stats, id).dump().c_str());
    return 0;
  }
  for (;;) {
    poll(nullptr, 0, static_cast<int>(interval));
    auto next = context.runtime().stats(id);
    if (!next) return 0;  // the container has ended
    if (uint64_t now = value_of(*next, "memory", "oom_kills"); now > kills) {
      printf("%s\n", Json({{"type", "oom"}, {"id", id}}).dump().c_str());
      kills = now;
    }
    printf("%s\n", event_of(*next, id).dump().c_str());
    if (fflush(stdout) != 0) return errno_error("cannot write to standard output");
  }
}

}  // namespace

std::vector<Command> control_commands() {
  return {
      {"pause", "ID", "suspend all processes of a container", 1, 1, false, {}, pause_command},
      {"resume", "ID", "let them go on", 1, 1, false, {}, resume_command},
      {"update", "[OPTIONS] ID", "change the limits of a container", 1, 1, false, update_options(),
       update_command},
      {"events",
       "[OPTIONS] ID",
       "print statistics and out-of-memory events as JSON",
       1,
       1,
       false,
       {{"stats", 0, nullptr, "print the statistics once"},
        {"interval", 0, "TIME", "time between statistics (5s)"}},
       events_command},
  };
}

}  // namespace rcrt::oci
