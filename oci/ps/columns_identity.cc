// SPDX-License-Identifier: MIT
// Columns: who a process is.
#include "base/words.h"
#include "oci/ps/column.h"
#include "oci/ps/text.h"

namespace rcrt::oci::ps {
namespace {

using enum Identity;

Cell process_id(const View& view) { return number(view.process.pid()); }
Cell thread_id(const View& view) { return number(view.process.tid()); }

template <Stat field>
Cell of_stat(const View& view) {
  return number(view.process.stat(field));
}

template <Identity which>
Cell user_id(const View& view) {
  return number(view.process.user(which));
}

template <Identity which>
Cell group_id(const View& view) {
  return number(view.process.group(which));
}

Cell name_or_number(const View& view, NameTable& names, unsigned id) {
  return text(view.style.numeric ? std::to_string(id) : printable(names.name(id)));
}

template <Identity which>
Cell user_name(const View& view) {
  return name_or_number(view, view.machine.users, view.process.user(which));
}

template <Identity which>
Cell group_name(const View& view) {
  return name_or_number(view, view.machine.groups, view.process.group(which));
}

Cell listed_groups(const View& view, bool names) {
  std::string list;
  for (const std::string& word : words_of(view.process.status("Groups"), " ")) {
    if (!list.empty()) list += ',';
    list += names ? view.machine.groups.name(static_cast<unsigned>(std::stoul(word))) : word;
  }
  return text(list.empty() ? "-" : printable(list));
}

Cell group_ids(const View& view) { return listed_groups(view, false); }
Cell group_names(const View& view) { return listed_groups(view, true); }

// What an audit session began with; none is the highest number there is.
Cell login_id(const View& view) {
  const std::string id = view.process.file("loginuid");
  return id.empty() || id == "4294967295" ? Cell{"-", -1} : number(std::stoll(id));
}

Cell terminal(const View& view) { return {terminal_name(view.process), {}}; }

// Without what most of them have in common.
Cell short_terminal(const View& view) {
  std::string name = terminal_name(view.process);
  for (const std::string_view common : {"tty", "pts/"})
    if (name.starts_with(common) && name.size() > common.size()) return text(name.substr(common.size()));
  return text(name);
}

constexpr Column kColumns[] = {
    {"pid", "PID", kPidWidth, Fit::right, Scope::process, process_id},
    {"tgid", "TGID", kPidWidth, Fit::right, Scope::process, process_id},
    {"lwp", "LWP", kPidWidth, Fit::right, Scope::thread, thread_id},
    {"spid", "SPID", kPidWidth, Fit::right, Scope::thread, thread_id},
    {"tid", "TID", kPidWidth, Fit::right, Scope::thread, thread_id},
    {"ppid", "PPID", kPidWidth, Fit::right, Scope::process, of_stat<Stat::parent>},
    {"pgid", "PGID", kPidWidth, Fit::right, Scope::process, of_stat<Stat::group>},
    {"pgrp", "PGRP", kPidWidth, Fit::right, Scope::process, of_stat<Stat::group>},
    {"sid", "SID", kPidWidth, Fit::right, Scope::process, of_stat<Stat::session>},
    {"sess session", "SESS", kPidWidth, Fit::right, Scope::process, of_stat<Stat::session>},
    {"tpgid", "TPGID", kPidWidth, Fit::right, Scope::process, of_stat<Stat::foreground>},
    {"uid", "UID", 5, Fit::right, Scope::both, user_id<effective>},
    {"euid", "EUID", 5, Fit::right, Scope::both, user_id<effective>},
    {"ruid", "RUID", 5, Fit::right, Scope::both, user_id<real>},
    {"suid", "SUID", 5, Fit::right, Scope::both, user_id<saved>},
    {"svuid", "SVUID", 5, Fit::right, Scope::both, user_id<saved>},
    {"fuid", "FUID", 5, Fit::right, Scope::both, user_id<file_system>},
    {"fsuid", "FSUID", 5, Fit::right, Scope::both, user_id<file_system>},
    {"gid", "GID", 5, Fit::right, Scope::both, group_id<effective>},
    {"egid", "EGID", 5, Fit::right, Scope::both, group_id<effective>},
    {"rgid", "RGID", 5, Fit::right, Scope::both, group_id<real>},
    {"sgid", "SGID", 5, Fit::right, Scope::both, group_id<saved>},
    {"svgid", "SVGID", 5, Fit::right, Scope::both, group_id<saved>},
    {"fgid", "FGID", 5, Fit::right, Scope::both, group_id<file_system>},
    {"fsgid", "FSGID", 5, Fit::right, Scope::both, group_id<file_system>},
    {"uid_hack", "UID", 8, Fit::name, Scope::both, user_name<effective>},
    {"user uname", "USER", 8, Fit::name, Scope::both, user_name<effective>},
    {"euser", "EUSER", 8, Fit::name, Scope::both, user_name<effective>},
    {"ruser", "RUSER", 8, Fit::name, Scope::both, user_name<real>},
    {"suser", "SUSER", 8, Fit::name, Scope::both, user_name<saved>},
    {"svuser", "SVUSER", 8, Fit::name, Scope::both, user_name<saved>},
    {"fuser", "FUSER", 8, Fit::name, Scope::both, user_name<file_system>},
    {"fsuser", "FSUSER", 8, Fit::name, Scope::both, user_name<file_system>},
    {"group", "GROUP", 8, Fit::name, Scope::both, group_name<effective>},
    {"egroup", "EGROUP", 8, Fit::name, Scope::both, group_name<effective>},
    {"rgroup", "RGROUP", 8, Fit::name, Scope::both, group_name<real>},
    {"sgroup", "SGROUP", 8, Fit::name, Scope::both, group_name<saved>},
    {"svgroup", "SVGROUP", 8, Fit::name, Scope::both, group_name<saved>},
    {"fgroup", "FGROUP", 8, Fit::name, Scope::both, group_name<file_system>},
    {"fsgroup", "FSGROUP", 8, Fit::name, Scope::both, group_name<file_system>},
    {"supgid", "SUPGID", 20, Fit::cut, Scope::process, group_ids},
    {"supgrp", "SUPGRP", 40, Fit::cut, Scope::process, group_names},
    {"luid", "LUID", 5, Fit::right, Scope::both, login_id},
    {"tt tty", "TT", 8, Fit::left, Scope::process, terminal},
    {"tname tty8 longtname", "TTY", 8, Fit::left, Scope::process, terminal},
    {"tty4", "TTY", 4, Fit::left, Scope::process, short_terminal},
};

}  // namespace

std::span<const Column> identity_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
