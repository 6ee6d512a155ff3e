// SPDX-License-Identifier: MIT
// Columns: what a process executes, and what it is doing.
#include <algorithm>

#include "oci/ps/column.h"
#include "oci/ps/text.h"

namespace rcrt::oci::ps {
namespace {

// A list of words with a NUL behind each, as text.
std::string unpacked(std::string list) {
  while (list.ends_with('\0')) list.pop_back();
  std::ranges::replace_if(list, [](char c) { return c == '\0' || c == '\n'; }, ' ');
  return printable(list);
}

std::string command_line(const Process& process) {
  const std::string list = process.file("cmdline");
  if (list.empty())
    return "[" + printable(process.name()) + "]" + (process.state() == 'Z' ? " <defunct>" : "");
  const std::string line = unpacked(list);
  return line.empty() ? "?" : line;
}

std::string environment(const View& view) {
  const std::string list = view.style.environment ? unpacked(view.process.file("environ")) : "";
  return list.empty() ? "" : " " + list;
}

Cell name(const View& view) { return text(printable(view.process.name()) + environment(view)); }

Cell arguments(const View& view) {
  return view.style.short_command ? name(view) : text(command_line(view.process) + environment(view));
}

Cell short_name(const View& view) { return text(printable(view.process.name())); }

Cell program(const View& view) {
  const std::string target = view.process.link("exe");
  return text(target.empty() ? "-" : printable(target));
}

Cell state(const View& view) { return {std::string(1, view.process.state()), view.process.state()}; }

Cell detailed_state(const View& view) {
  const Process& p = view.process;
  const long long nice = p.stat(Stat::nice);
  Cell cell = state(view);
  if (nice < 0) cell.text += '<';
  if (nice > 0) cell.text += 'N';
  if (p.status_number("VmLck") > 0) cell.text += 'L';
  if (p.stat(Stat::session) == p.pid()) cell.text += 's';
  if (p.stat(Stat::threads) > 1) cell.text += 'l';
  if (p.stat(Stat::group) == p.stat(Stat::foreground)) cell.text += '+';
  return cell;
}

// One digit: forked but did not execute (1), has used privileges (4).
Cell flags(const View& view) {
  const long long all = view.process.stat(Stat::flags);
  return {std::to_string(all >> 6 & 7), static_cast<double>(all)};
}

Cell kernel_function(const View& view) {
  const std::string name = view.process.file("wchan");
  if (name.empty()) return text("?");
  if (name == "0") return text("-");
  return text(name.substr(std::min(name.find_first_not_of("._"), name.size())));
}

Cell threads(const View& view) { return number(view.process.stat(Stat::threads)); }

constexpr Column kColumns[] = {
    {"args command", "COMMAND", 27, Fit::command, Scope::process, arguments},
    {"cmd", "CMD", 27, Fit::command, Scope::process, arguments},
    {"comm ucomm", "COMMAND", 15, Fit::command, Scope::process, name},
    {"ucmd", "CMD", 15, Fit::command, Scope::process, name},
    {"fname", "COMMAND", 8, Fit::short_command, Scope::process, short_name},
    {"exe", "EXE", 27, Fit::cut, Scope::process, program},
    {"stat", "STAT", 4, Fit::left, Scope::thread, detailed_state},
    {"state s", "S", 1, Fit::left, Scope::thread, state},
    {"f flag flags", "F", 1, Fit::right, Scope::both, flags},
    {"wchan wname", "WCHAN", 6, Fit::wchan, Scope::thread, kernel_function},
    {"nwchan", "WCHAN", 6, Fit::right, Scope::thread, nothing},
    {"addr", "ADDR", 4, Fit::right, Scope::both, nothing},
    {"addr_1", "ADDR", 1, Fit::left, Scope::both, nothing},
    {"nlwp", "NLWP", 4, Fit::right, Scope::process, threads},
    {"thcount", "THCNT", 5, Fit::right, Scope::process, threads},
};

}  // namespace

std::span<const Column> command_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
