// SPDX-License-Identifier: MIT
// What is the same for every process shown: times, sizes, names of users and groups. Read once, when needed.
#pragma once

#include <time.h>

#include <map>
#include <optional>
#include <string>

#include "oci/ps/process.h"

namespace rcrt::oci::ps {

// /etc/passwd or /etc/group.
class NameTable {
 public:
  explicit NameTable(const char* path) : path_(path) {}
  // A container's own are numbers to the machine.
  std::string name(unsigned id);
  std::optional<unsigned> id(const std::string& name);

 private:
  void load();

  const char* path_;
  bool loaded_ = false;
  std::map<unsigned, std::string> names_;
  std::map<std::string, unsigned, std::less<>> ids_;
};

class Machine {
 public:
  NameTable users{"/etc/passwd"}, groups{"/etc/group"};

  time_t now() const { return now_; }
  double ticks_per_second() const { return ticks_per_second_; }
  // Ticks since a process began.
  double age(const Process& process) const;
  time_t start(const Process& process);
  unsigned long long memory() const;  // KiB
  unsigned long long page() const;    // bytes
  size_t pid_width();

 private:
  const time_t now_ = time(nullptr);
  const double ticks_per_second_ = ticks_of_clock();
  const double uptime_ = uptime_ticks(ticks_per_second_);
  std::optional<time_t> boot_;
  size_t pid_width_ = 0;

  static double ticks_of_clock();
  static double uptime_ticks(double per_second);
};

// Of a process's terminal, as "pts/0"; "?" when it has none.
std::string terminal_name(const Process& process);

}  // namespace rcrt::oci::ps
