// SPDX-License-Identifier: MIT
#include "resources.h"

#include <cstdint>
#include <optional>

#include "weights.h"

namespace rcrt::cgroup {
namespace {

using sdk::Json;

// A failure that travels up to convert(), which has no partial result to undo.
struct Bad {
  std::string member, why;
};

const Json* member(const Json& object, const char* name) {
  auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

class Converter {
 public:
  Converter(const Json& resources, bool updating) : resources_(resources), updating_(updating) {}

  Settings run() {
    if (const Json* part = object(resources_, "memory", "linux.resources")) memory(*part);
    if (const Json* part = object(resources_, "cpu", "linux.resources")) cpu(*part);
    if (const Json* part = object(resources_, "pids", "linux.resources")) pids(*part);
    if (const Json* part = object(resources_, "blockIO", "linux.resources")) block_io(*part);
    huge_pages();
    rdma();
    if (const Json* part = object(resources_, "network", "linux.resources")) network(*part);
    unified();
    return std::move(settings_);
  }

 private:
  static const Json* object(const Json& in, const char* name, const std::string& where) {
    const Json* found = member(in, name);
    if (found && !found->is_object()) throw Bad{where + "." + name, "must be an object"};
    return found;
  }

  static std::optional<int64_t> integer(const Json& in, const char* name, const std::string& where) {
    const Json* found = member(in, name);
    if (!found) return std::nullopt;
    if (!found->is_number_integer()) throw Bad{where + "." + name, "must be a whole number"};
    if (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX)
      throw Bad{where + "." + name, "is too large"};
    return found->get<int64_t>();
  }

  static int64_t natural(const Json& in, const char* name, const std::string& where) {
    const int64_t value = integer(in, name, where).value_or(0);
    if (value < 0) throw Bad{where + "." + name, "must not be negative"};
    return value;
  }

  static bool flag(const Json& in, const char* name, const std::string& where) {
    const Json* found = member(in, name);
    if (found && !found->is_boolean()) throw Bad{where + "." + name, "must be true or false"};
    return found && found->get<bool>();
  }

  static std::string text(const Json& in, const char* name, const std::string& where) {
    const Json* found = member(in, name);
    if (!found) return {};
    if (!found->is_string()) throw Bad{where + "." + name, "must be a string"};
    return one_line(found->get<std::string>(), where + "." + name);
  }

  static std::string one_line(std::string value, const std::string& where) {
    for (unsigned char c : value)
      if (c < 0x20 || c == 0x7f) throw Bad{where, "must be one line of text"};
    return value;
  }

  // `fresh`: the value every new group has.
  void add(std::string controller, std::string file, std::string value, std::string where,
           std::string_view fresh = {}) {
    if (!updating_ && !fresh.empty() && value == fresh) return;
    Setting setting{std::move(controller), std::move(file), std::move(value)};
    setting.member = std::move(where);
    settings_.list.push_back(std::move(setting));
  }

  static std::string number_or_max(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

  void memory(const Json& m) {
    const std::string at = "linux.resources.memory";
    auto limit = integer(m, "limit", at), swap = integer(m, "swap", at);
    auto reservation = integer(m, "reservation", at);
    if (limit && *limit != 0) add("memory", "memory.max", number_or_max(*limit), at + ".limit", "max");
    // OCI's swap is v1's: memory and swap together. v2 counts swap alone.
    if (swap && *swap != 0 && !(limit.value_or(0) == -1 && *swap == 0)) {
      if (*swap < 0) {
        add("memory", "memory.swap.max", "max", at + ".swap", "max");
      } else {
        if (limit.value_or(0) <= 0)
          throw Bad{at + ".swap", "needs linux.resources.memory.limit: it is the sum of memory and swap"};
        if (*swap < *limit)
          throw Bad{at + ".swap", "is less than linux.resources.memory.limit: it is the sum of both"};
        add("memory", "memory.swap.max", std::to_string(*swap - *limit), at + ".swap");
        // A kernel without swap accounting has no file; there "no swap" asks for nothing.
        settings_.list.back().optional = *swap == *limit;
      }
    }
    if (reservation && *reservation != 0)
      add("memory", "memory.low", number_or_max(*reservation), at + ".reservation", "0");
    for (const char* old : {"swappiness", "kernel", "kernelTCP"})
      if (integer(m, old, at).value_or(0) > 0)
        settings_.ignored.push_back(at + "." + old + " has no counterpart in cgroup v2");
    if (flag(m, "disableOOMKiller", at))
      settings_.ignored.push_back(at + ".disableOOMKiller has no counterpart in cgroup v2");
    // What they ask for is what cgroup v2 always does.
    (void)flag(m, "useHierarchy", at);
    (void)flag(m, "checkBeforeUpdate", at);
  }

  void cpu(const Json& c) {
    const std::string at = "linux.resources.cpu";
    auto shares = integer(c, "shares", at);
    if (shares && *shares != 0) {
      if (*shares < 0) throw Bad{at + ".shares", "must not be negative"};
      add("cpu", "cpu.weight", std::to_string(weight_of_shares(static_cast<uint64_t>(*shares))),
          at + ".shares", "100");
    }
    auto quota = integer(c, "quota", at), period = integer(c, "period", at), burst = integer(c, "burst", at);
    if (quota.value_or(0) != 0 || period.value_or(0) != 0) {
      int64_t length = period.value_or(0) != 0 ? *period : 100000;
      if (length < 1000 || length > 1000000)
        throw Bad{at + ".period", "must be 1000 to 1000000 microseconds"};
      if (quota.value_or(0) > 0 && *quota < 1000)
        throw Bad{at + ".quota", "must be at least 1000 microseconds"};
      std::string amount = quota.value_or(0) > 0 ? std::to_string(*quota) : "max";
      // "max" with any period is no limit.
      if (updating_ || amount != "max")
        add("cpu", "cpu.max", amount + " " + std::to_string(length), at + ".quota");
    }
    if (burst) {
      if (*burst < 0) throw Bad{at + ".burst", "must not be negative"};
      add("cpu", "cpu.max.burst", std::to_string(*burst), at + ".burst", "0");
    }
    if (auto idle = integer(c, "idle", at)) {
      if (*idle != 0 && *idle != 1) throw Bad{at + ".idle", "must be 0 or 1"};
      add("cpu", "cpu.idle", std::to_string(*idle), at + ".idle", "0");
    }
    if (auto cpus = text(c, "cpus", at); !cpus.empty()) add("cpuset", "cpuset.cpus", cpus, at + ".cpus");
    if (auto mems = text(c, "mems", at); !mems.empty()) add("cpuset", "cpuset.mems", mems, at + ".mems");
    for (const char* old : {"realtimeRuntime", "realtimePeriod"})
      if (integer(c, old, at).value_or(0) > 0)
        settings_.ignored.push_back(at + "." + old + " has no counterpart in cgroup v2");
  }

  void pids(const Json& p) {
    // 0 and below: unlimited, as docker reads --pids-limit.
    if (auto limit = integer(p, "limit", "linux.resources.pids"))
      add("pids", "pids.max", *limit > 0 ? std::to_string(*limit) : "max", "linux.resources.pids.limit",
          "max");
  }

  void network(const Json& n) {
    const std::string at = "linux.resources.network";
    natural(n, "classID", at);
    each(n, "priorities", at, [](const Json& entry, const std::string& here) {
      if (!entry.is_object()) throw Bad{here, "must be an object"};
      text(entry, "name", here);
      natural(entry, "priority", here);
    });
    settings_.ignored.push_back(at + " has no counterpart in cgroup v2");
  }

  static std::string device(const Json& entry, const std::string& at) {
    if (!entry.is_object()) throw Bad{at, "must be an object"};
    auto major = integer(entry, "major", at), minor = integer(entry, "minor", at);
    if (!major || !minor || *major < 0 || *minor < 0) throw Bad{at, "needs \"major\" and \"minor\""};
    return std::to_string(*major) + ":" + std::to_string(*minor);
  }

  void add_io_weight(const std::string& prefix, int64_t weight, const std::string& where) {
    if (weight < 10 || weight > 1000) throw Bad{where, "must be 10 to 1000"};
    // The BFQ scheduler's file takes the OCI range; io.weight has its own.
    add("io", "io.bfq.weight", prefix + std::to_string(weight), where);
    settings_.list.back().other_file = "io.weight";
    settings_.list.back().other_value =
        prefix + std::to_string(io_weight_of_blkio(static_cast<uint64_t>(weight)));
  }

  void leaf_weight(const Json& in, const std::string& at) {
    if (natural(in, "leafWeight", at) > 0)
      settings_.ignored.push_back(at + ".leafWeight has no counterpart in cgroup v2");
  }

  void block_io(const Json& b) {
    const std::string at = "linux.resources.blockIO";
    if (auto weight = integer(b, "weight", at); weight.value_or(0) != 0)
      add_io_weight("", *weight, at + ".weight");
    leaf_weight(b, at);
    each(b, "weightDevice", at, [&](const Json& entry, const std::string& here) {
      if (!entry.is_object()) throw Bad{here, "must be an object"};
      if (auto weight = integer(entry, "weight", here); weight.value_or(0) != 0)
        add_io_weight(device(entry, here) + " ", *weight, here + ".weight");
      leaf_weight(entry, here);
    });
    const std::pair<const char*, const char*> throttles[] = {{"throttleReadBpsDevice", "rbps"},
                                                             {"throttleWriteBpsDevice", "wbps"},
                                                             {"throttleReadIOPSDevice", "riops"},
                                                             {"throttleWriteIOPSDevice", "wiops"}};
    for (const auto& throttle : throttles)
      each(b, throttle.first, at, [&](const Json& entry, const std::string& here) {
        std::string id = device(entry, here);
        auto rate = integer(entry, "rate", here);
        if (!rate || *rate < 0) throw Bad{here + ".rate", "must be a positive number"};
        add("io", "io.max", id + " " + throttle.second + "=" + (*rate == 0 ? "max" : std::to_string(*rate)),
            here + ".rate");
      });
  }

  template <typename Function>
  static void each(const Json& in, const char* name, const std::string& where, Function function) {
    const Json* list = member(in, name);
    if (!list) return;
    std::string here = where + "." + name;
    if (!list->is_array()) throw Bad{here, "must be an array"};
    for (size_t i = 0; i < list->size(); ++i) function((*list)[i], here + "[" + std::to_string(i) + "]");
  }

  void huge_pages() {
    each(resources_, "hugepageLimits", "linux.resources", [&](const Json& entry, const std::string& at) {
      if (!entry.is_object()) throw Bad{at, "must be an object"};
      std::string page = text(entry, "pageSize", at);
      size_t digits = page.find_first_not_of("0123456789");
      bool good = digits != page.npos && digits > 0 && page[0] != '0' && page.size() == digits + 2 &&
                  std::string_view("KMG").contains(page[digits]) && page[digits + 1] == 'B';
      if (!good) throw Bad{at + ".pageSize", "must be a size such as \"2MB\""};
      auto limit = integer_or_huge(entry, "limit", at);
      add("hugetlb", "hugetlb." + page + ".max", limit, at + ".limit", "max");
      // Pages that are reserved but not yet faulted in count too, where the kernel can.
      size_t before = settings_.list.size();
      add("hugetlb", "hugetlb." + page + ".rsvd.max", limit, at + ".limit", "max");
      if (settings_.list.size() > before) settings_.list.back().optional = true;
    });
  }

  // Huge page limits are unsigned in the specification; 2^63 and more is no limit.
  static std::string integer_or_huge(const Json& in, const char* name, const std::string& where) {
    const Json* found = member(in, name);
    if (!found || !found->is_number_integer()) throw Bad{where + "." + name, "must be a whole number"};
    if (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX) return "max";
    if (found->get<int64_t>() < 0) throw Bad{where + "." + name, "must not be negative"};
    return std::to_string(found->get<int64_t>());
  }

  void rdma() {
    const Json* devices = object(resources_, "rdma", "linux.resources");
    if (!devices) return;
    for (const auto& [name, entry] : devices->items()) {
      std::string at = "linux.resources.rdma." + name;
      if (!entry.is_object()) throw Bad{at, "must be an object"};
      if (name.empty() || name.find(' ') != name.npos) throw Bad{at, "is not a device name"};
      std::string line = one_line(name, at);
      if (auto handles = integer(entry, "hcaHandles", at)) line += " hca_handle=" + number_or_max(*handles);
      if (auto objects = integer(entry, "hcaObjects", at)) line += " hca_object=" + number_or_max(*objects);
      if (line != name) add("rdma", "rdma.max", line, at);
    }
  }

  void unified() {
    const Json* keys = object(resources_, "unified", "linux.resources");
    if (!keys) return;
    for (const auto& [key, value] : keys->items()) {
      std::string at = "linux.resources.unified[\"" + key + "\"]";
      size_t dot = key.find('.');
      if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
              key.npos ||
          dot == key.npos || dot == 0 || key.find("..") != key.npos)
        throw Bad{at, "is not a cgroup file such as \"memory.high\""};
      if (key == "cgroup.procs" || key == "cgroup.threads" || key == "cgroup.kill" || key == "cgroup.type" ||
          key == "cgroup.subtree_control")
        throw Bad{at, "is not a limit"};
      if (!value.is_string()) throw Bad{at, "must be a string"};
      std::string all = value.get<std::string>();
      for (size_t start = 0; start <= all.size();) {  // one device a line, one line a write
        size_t end = std::min(all.find('\n', start), all.size());
        if (end > start || start == 0)
          add(key.substr(0, dot), key, one_line(all.substr(start, end - start), at), at);
        start = end + 1;
      }
    }
  }

  const Json& resources_;
  bool updating_;
  Settings settings_;
};

}  // namespace

std::set<std::string> Settings::controllers() const {
  std::set<std::string> names;
  for (const auto& setting : list)
    if (setting.controller != "cgroup") names.insert(setting.controller);
  return names;
}

Expected<Settings> convert(const Json& resources, bool updating) {
  try {
    if (!resources.is_object()) throw Bad{"linux.resources", "must be an object"};
    return Converter(resources, updating).run();
  } catch (const Bad& bad) {
    return sdk::fail_at(EINVAL, "bad limit", resources, "linux.resources", bad.member, bad.why);
  }
}

}  // namespace rcrt::cgroup
