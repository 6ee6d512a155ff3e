// SPDX-License-Identifier: MIT
// Limits as flags -> OCI linux.resources (config-linux.md "Control groups").
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cmath>

#include "cli/run_flags.h"

namespace rcrt::cli {
namespace {

Result<int64_t> integer(const CommandLine& line, const char* flag, int64_t least, int64_t most) {
  std::string text = line.text(flag);
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return error(std::string("invalid --") + flag, text,
                 "a whole number from " + std::to_string(least) + " to " + std::to_string(most), EINVAL);
  return value;
}

// As with docker, 0 is no limit at all.
bool limits(const CommandLine& line, const char* flag) { return line.has(flag) && line.text(flag) != "0"; }

Result<void> memory_flags(const CommandLine& line, Json& resources) {
  Json memory = Json::object();
  if (limits(line, "memory")) {
    RCRT_ASSIGN(int64_t limit, parse_size(line.text("memory")));
    if (limit < 512 * 1024)
      return error("memory limit is too small", line.text("memory"), "give at least 512k", EINVAL);
    memory["limit"] = limit;
  }
  if (limits(line, "memory-reservation")) {
    RCRT_ASSIGN(int64_t reservation, parse_size(line.text("memory-reservation")));
    memory["reservation"] = reservation;
  }
  if (limits(line, "memory-swap")) {
    RCRT_ASSIGN(int64_t swap, parse_size(line.text("memory-swap"), true));
    if (!memory.contains("limit")) return error("--memory-swap needs --memory", "", {}, EINVAL);
    if (swap >= 0 && swap < memory["limit"].get<int64_t>())
      return error("--memory-swap is below --memory", line.text("memory-swap"),
                   "it counts memory and swap together", EINVAL);
    memory["swap"] = swap;
  }
  if (!memory.empty()) resources["memory"] = memory;
  return {};
}

Result<void> cpu_flags(const CommandLine& line, Json& resources) {
  Json cpu = Json::object();
  if (limits(line, "cpus")) {
    if (limits(line, "cpu-quota") || limits(line, "cpu-period"))
      return error("--cpus excludes --cpu-quota and --cpu-period", "", {}, EINVAL);
    std::string text = line.text("cpus");
    double count = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (code != std::errc() || end != text.data() + text.size() || !(count >= 0.01) || count > 8192)
      return error("invalid --cpus", text, "a number from 0.01 to 8192", EINVAL);
    cpu["period"] = 100000;
    cpu["quota"] = std::llround(count * 100000);
  }
  for (auto [flag, member, least, most] :
       {std::tuple{"cpu-period", "period", int64_t{1000}, int64_t{1000000}},
        {"cpu-quota", "quota", 1000, int64_t{1} << 50},
        {"cpu-shares", "shares", 2, 262144}}) {
    if (!limits(line, flag) || (line.text(flag) == "-1" && flag == std::string_view("cpu-quota"))) continue;
    RCRT_ASSIGN(cpu[member], integer(line, flag, least, most));
  }
  if (line.has("cpuset-cpus")) cpu["cpus"] = line.text("cpuset-cpus");
  if (line.has("cpuset-mems")) cpu["mems"] = line.text("cpuset-mems");
  if (!cpu.empty()) resources["cpu"] = cpu;
  if (line.has("cpu-weight")) {
    RCRT_ASSIGN(int64_t weight, integer(line, "cpu-weight", 1, 10000));
    resources["unified"]["cpu.weight"] = std::to_string(weight);
  }
  return {};
}

// "/dev/sda:VALUE": the device, and the value in `member`.
Result<Json> of_device(const char* flag, const std::string& text, const char* member, int64_t least,
                       int64_t most, bool suffixes) {
  auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return error(std::string("invalid --") + flag, text, "write it as /dev/NAME:NUMBER", EINVAL);
  std::string path = text.substr(0, colon);
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return errno_error("cannot find device", path);
  if (!S_ISBLK(st.st_mode)) return error("not a block device", path, {}, EINVAL);
  RCRT_ASSIGN(int64_t value, parse_size(text.substr(colon + 1)));
  if (value < least || value > most ||
      (!suffixes && text.find_first_not_of("0123456789", colon + 1) != std::string::npos))
    return error(std::string("invalid --") + flag, text, "the number is out of range", EINVAL);
  return Json{{"major", major(st.st_rdev)}, {"minor", minor(st.st_rdev)}, {member, value}};
}

Result<void> io_flags(const CommandLine& line, Json& resources) {
  Json io = Json::object();
  if (limits(line, "blkio-weight")) {
    RCRT_ASSIGN(io["weight"], integer(line, "blkio-weight", 10, 1000));
  }
  for (const auto& text : line.list("blkio-weight-device")) {
    RCRT_ASSIGN(Json entry, of_device("blkio-weight-device", text, "weight", 10, 1000, false));
    io["weightDevice"].push_back(std::move(entry));
  }
  for (auto [flag, member, bytes] : {std::tuple{"device-read-bps", "throttleReadBpsDevice", true},
                                     {"device-write-bps", "throttleWriteBpsDevice", true},
                                     {"device-read-iops", "throttleReadIOPSDevice", false},
                                     {"device-write-iops", "throttleWriteIOPSDevice", false}}) {
    for (const auto& text : line.list(flag)) {
      RCRT_ASSIGN(Json entry, of_device(flag, text, "rate", 1, int64_t{1} << 62, bytes));
      io[member].push_back(std::move(entry));
    }
  }
  if (!io.empty()) resources["blockIO"] = io;
  return {};
}

}  // namespace

Result<Json> resource_options(const CommandLine& line) {
  Json resources = Json::object();
  RCRT_TRY(memory_flags(line, resources));
  RCRT_TRY(cpu_flags(line, resources));
  RCRT_TRY(io_flags(line, resources));
  if (line.has("pids-limit")) {
    RCRT_ASSIGN(int64_t limit, integer(line, "pids-limit", -1, int64_t{1} << 22));
    if (limit > 0) resources["pids"]["limit"] = limit;
  }
  for (const auto& text : line.list("cgroup-conf")) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || text.substr(0, equals).find('/') != std::string::npos)
      return error("invalid --cgroup-conf", text, "write it as FILE=VALUE: memory.high=64M", EINVAL);
    resources["unified"][text.substr(0, equals)] = text.substr(equals + 1);
  }
  return resources;
}

}  // namespace rcrt::cli
