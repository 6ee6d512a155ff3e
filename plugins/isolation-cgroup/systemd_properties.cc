// SPDX-License-Identifier: MIT
#include "systemd_properties.h"

#include <charconv>

namespace rcrt::cgroup {
namespace {

constexpr uint64_t kUnlimited = UINT64_MAX;

struct Name {
  const char *file, *property;
};
constexpr Name kNumbers[] = {
    {"memory.max", "MemoryMax"},          {"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"},
    {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"},      {"cpu.weight", "CPUWeight"},
};
constexpr Name kSets[] = {{"cpuset.cpus", "AllowedCPUs"}, {"cpuset.mems", "AllowedMemoryNodes"}};

bool read_number(std::string_view text, uint64_t& number) {
  if (text == "max") {
    number = kUnlimited;
    return true;
  }
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

// "0-2,5" as a bit mask; empty when it is none.
std::vector<uint8_t> bit_mask(std::string_view list) {
  std::vector<uint8_t> mask;
  while (!list.empty()) {
    std::string_view range = list.substr(0, list.find(','));
    list.remove_prefix(std::min(range.size() + 1, list.size()));
    size_t dash = std::min(range.find('-'), range.size());
    uint64_t first = 0, last = 0;
    if (!read_number(range.substr(0, dash), first)) return {};
    last = first;
    if (dash < range.size() && !read_number(range.substr(dash + 1), last)) return {};
    if (last < first || last > 65535) return {};
    for (uint64_t at = first; at <= last; ++at) {
      if (mask.size() <= at / 8) mask.resize(at / 8 + 1);
      mask[at / 8] = static_cast<uint8_t>(mask[at / 8] | 1 << at % 8);
    }
  }
  return mask;
}

// "QUOTA PERIOD" in microseconds.
void add_cpu_max(const std::string& value, std::vector<UnitProperty>& list) {
  size_t space = value.find(' ');
  uint64_t quota = 0, period = 100'000;
  if (!read_number(std::string_view(value).substr(0, space), quota)) return;
  if (space != value.npos && !read_number(std::string_view(value).substr(space + 1), period)) return;
  if (period == 0 || (quota != kUnlimited && quota > kUnlimited / 1'000'000)) return;
  // systemd counts in hundredths of a processor, and would make less of it when rounding down.
  uint64_t second = quota == kUnlimited ? quota : (quota * 1'000'000 / period + 9'999) / 10'000 * 10'000;
  list.push_back({"CPUQuotaPerSecUSec", second, {}});
  list.push_back({"CPUQuotaPeriodUSec", period, {}});
}

}  // namespace

std::vector<UnitProperty> unit_properties(const Settings& settings) {
  std::vector<UnitProperty> list;
  for (const auto& setting : settings.list) {
    uint64_t number = 0;
    for (const auto& [file, property] : kNumbers)
      if (setting.file == file && read_number(setting.value, number)) list.push_back({property, number, {}});
    for (const auto& [file, property] : kSets)
      if (auto mask = setting.file == file ? bit_mask(setting.value) : std::vector<uint8_t>(); !mask.empty())
        list.push_back({property, 0, std::move(mask)});
    if (setting.file == "cpu.max") add_cpu_max(setting.value, list);
  }
  return list;
}

}  // namespace rcrt::cgroup
