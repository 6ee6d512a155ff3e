// SPDX-License-Identifier: MIT
#include "oci/ps/machine.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "base/words.h"
#include "core/files.h"

namespace rcrt::oci::ps {
namespace {

std::string text_of(const char* path) {
  auto text = read_file(path);
  return text ? *text : std::string();
}

}  // namespace

void NameTable::load() {
  if (loaded_) return;
  loaded_ = true;
  for (const std::string& line : words_of(text_of(path_), "\n")) {
    const size_t name = line.find(':'), password = line.find(':', name + 1);
    if (name == line.npos || password == line.npos) continue;
    char* end = nullptr;
    const auto id = static_cast<unsigned>(std::strtoul(line.c_str() + password + 1, &end, 10));
    if (end == line.c_str() + password + 1 || *end != ':') continue;
    names_.try_emplace(id, line.substr(0, name));
    ids_.try_emplace(line.substr(0, name), id);
  }
}

std::string NameTable::name(unsigned id) {
  load();
  const auto found = names_.find(id);
  return found == names_.end() ? std::to_string(id) : found->second;
}

std::optional<unsigned> NameTable::id(const std::string& name) {
  load();
  const auto found = ids_.find(name);
  if (found == ids_.end()) return {};
  return found->second;
}

double Machine::ticks_of_clock() { return static_cast<double>(sysconf(_SC_CLK_TCK)); }

double Machine::uptime_ticks(double per_second) {
  timespec since{};
  clock_gettime(CLOCK_BOOTTIME, &since);
  const double seconds = static_cast<double>(since.tv_sec) + static_cast<double>(since.tv_nsec) / 1e9;
  return static_cast<double>(static_cast<int64_t>(seconds * per_second));  // whole ones
}

double Machine::age(const Process& process) const {
  return std::max(0.0, uptime_ - static_cast<double>(process.stat(Stat::start)));
}

time_t Machine::start(const Process& process) {
  if (!boot_) {
    const std::string stat = text_of("/proc/stat"), key = "\nbtime ";
    const size_t found = stat.find(key);
    boot_ = found == stat.npos ? 0 : std::strtoll(stat.c_str() + found + key.size(), nullptr, 10);
  }
  return *boot_ + process.stat(Stat::start) / static_cast<long long>(ticks_per_second_);
}

unsigned long long Machine::memory() const {
  return static_cast<unsigned long long>(sysconf(_SC_PHYS_PAGES)) * (page() / 1024);
}

unsigned long long Machine::page() const { return static_cast<unsigned long long>(sysconf(_SC_PAGESIZE)); }

size_t Machine::pid_width() {
  if (pid_width_ == 0) {
    const auto words = words_of(text_of("/proc/sys/kernel/pid_max"), "\n");
    pid_width_ = words.empty() ? 5 : words[0].size();
  }
  return pid_width_;
}

std::string terminal_name(const Process& process) {
  static constexpr struct {
    unsigned major, first, last;
    const char* name;
  } kDrivers[] = {{4, 64, 255, "ttyS"},    {4, 0, 63, "tty"},       {5, 1, 1, "console"},
                  {166, 0, 255, "ttyACM"}, {188, 0, 255, "ttyUSB"}, {204, 64, 79, "ttyAMA"},
                  {229, 0, 255, "hvc"}};
  const auto device = static_cast<unsigned>(process.stat(Stat::terminal));
  const unsigned major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);
  if (major >= 136 && major <= 143) return "pts/" + std::to_string((major - 136) * 256 + minor);
  for (const auto& driver : kDrivers)
    if (major == driver.major && minor >= driver.first && minor <= driver.last)
      return driver.first == driver.last ? driver.name : driver.name + std::to_string(minor - driver.first);
  return "?";
}

}  // namespace rcrt::oci::ps
