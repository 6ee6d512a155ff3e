// SPDX-License-Identifier: MIT
// The columns ps(1) knows, with its headers and widths.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oci/ps/machine.h"
#include "oci/ps/process.h"

namespace rcrt::oci::ps {

// How values are written.
struct Style {
  bool numeric = false;      // users and groups
  bool children = false;     // times with those of children that have ended
  bool environment = false;  // behind the command
  bool short_command = false;
};

struct View {
  const Process& process;
  Machine& machine;
  const Style& style;
};

struct Cell {
  std::string text;
  std::optional<double> order;  // sorted by this, or by the text
};

Cell number(long long value);
Cell text(std::string value);
// "-": what is not known, or not kept by Linux.
Cell nothing(const View& view);

// How a value meets the width of its column.
enum class Fit {
  right,  // these two push what follows to the right when they are wider
  left,
  name,     // cut, with a + at the end
  cut,      // all of the line when it is the last column
  command,  // the same, with the hierarchy before it
  short_command,
  wchan,    // cut
  signals,  // 16 digits, or 8 where the line is narrow
};

// Of a line for a process and one for each thread: which has it.
enum class Scope { both, process, thread };

constexpr unsigned char kPidWidth = 0;  // as wide as a pid may be

struct Column {
  const char* names;  // as -o has them, with a blank between
  const char* header;
  unsigned char width;
  Fit fit;
  Scope scope;
  Cell (*cell)(const View&);
};

const Column* find_column(std::string_view name);

// A subject each.
std::span<const Column> identity_columns();
std::span<const Column> namespace_columns();
std::span<const Column> time_columns();
std::span<const Column> memory_columns();
std::span<const Column> signal_columns();
std::span<const Column> command_columns();

}  // namespace rcrt::oci::ps
