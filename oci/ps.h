// SPDX-License-Identifier: MIT
// The columns of `ps`.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace rcrt::oci {

struct ProcessInfo {
  pid_t pid = 0;
  int parent = 0, group = 0, session = 0, nice = 0, threads = 0;
  unsigned uid = 0, terminal = 0;
  char state = '?';
  unsigned long ticks = 0, start = 0;    // of the clock; since the machine was started
  unsigned long size = 0, resident = 0;  // bytes, pages
  std::string name, command;
};
// Nothing when it has gone.
std::optional<ProcessInfo> process_info(pid_t pid);

struct Column {
  const char* names;  // as ps -o has them, with a blank between
  const char* header;
  bool right;  // aligned
  std::string (*text)(const ProcessInfo&);
};
const Column* find_column(std::string_view name);

}  // namespace rcrt::oci
