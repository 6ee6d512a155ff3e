// SPDX-License-Identifier: MIT
#include "oci/ps/selection.h"

#include <unistd.h>

#include <algorithm>

#include "base/words.h"
#include "oci/ps/parse.h"

namespace rcrt::oci::ps {
namespace {

constexpr size_t kKernelName = 15;  // longer names are cut by the kernel

Result<std::vector<std::string>> items(const std::string& list) {
  auto found = words_of(list, ", \t");
  if (found.empty()) return error("empty list after a ps option", list, "give values with commas between");
  return found;
}

Result<unsigned> resolved(By by, const std::string& word, Machine& machine) {
  if (const auto value = whole_number<unsigned>(word)) return *value;
  if (by == By::effective_user || by == By::real_user) {
    if (const auto id = machine.users.id(word)) return *id;
    return error("no such user in /etc/passwd", word, "give another name, or a number");
  }
  if (by == By::effective_group || by == By::real_group) {
    if (const auto id = machine.groups.id(word)) return *id;
    return error("no such group in /etc/group", word, "give another name, or a number");
  }
  return error("invalid process id in a list for ps", word, "give numbers with commas between");
}

unsigned value_of(By by, const Process& process) {
  switch (by) {
    case By::pid:
      return static_cast<unsigned>(process.pid());
    case By::parent:
      return static_cast<unsigned>(process.stat(Stat::parent));
    case By::process_group:
      return static_cast<unsigned>(process.stat(Stat::group));
    case By::session:
      return static_cast<unsigned>(process.stat(Stat::session));
    case By::effective_user:
      return process.user(Identity::effective);
    case By::real_user:
      return process.user(Identity::real);
    case By::effective_group:
      return process.group(Identity::effective);
    case By::real_group:
      return process.group(Identity::real);
  }
  return 0;
}

// "/dev/pts/0", "pts/0", "tty1" and "1" are ways to name a terminal, "-" is none.
bool is_terminal(const std::string& shown, std::string_view wanted) {
  if (wanted == "-") return shown == "?";
  if (wanted.starts_with("/dev/")) wanted.remove_prefix(5);
  return shown == wanted || shown == "tty" + std::string(wanted) || shown == "pts/" + std::string(wanted);
}

}  // namespace

Result<void> Selection::add(By by, const std::string& list, Machine& machine) {
  RCRT_ASSIGN(const auto words, items(list));
  for (const std::string& word : words) {
    RCRT_ASSIGN(const unsigned value, resolved(by, word, machine));
    numbers_.push_back({by, value});
  }
  return {};
}

Result<void> Selection::add_commands(const std::string& list) {
  RCRT_ASSIGN(const auto words, items(list));
  commands_.insert(commands_.end(), words.begin(), words.end());
  return {};
}

Result<void> Selection::add_terminals(const std::string& list) {
  RCRT_ASSIGN(const auto words, items(list));
  terminals_.insert(terminals_.end(), words.begin(), words.end());
  return {};
}

void Selection::add_own_terminal() {
  const auto self = Process::read(getpid());
  terminals_.push_back(self ? terminal_name(*self) : "?");
}

Result<void> Selection::add_sessions_or_groups(const std::string& list, Machine& machine) {
  const auto words = words_of(list, ", \t");
  const bool sessions =
      std::ranges::all_of(words, [](const auto& word) { return whole_number<unsigned>(word).has_value(); });
  return add(sessions ? By::session : By::effective_group, list, machine);
}

bool Selection::listed(const Process& process) const {
  const std::string& name = process.name();
  return std::ranges::any_of(numbers_,
                             [&](const Wanted& w) { return value_of(w.by, process) == w.number; }) ||
         std::ranges::any_of(commands_,
                             [&](const std::string& wanted) {
                               return name ==
                                      (name.size() == kKernelName ? wanted.substr(0, kKernelName) : wanted);
                             }) ||
         std::ranges::any_of(terminals_, [&](const std::string& wanted) {
           return is_terminal(terminal_name(process), wanted);
         });
}

bool Selection::takes(const Process& process) const {
  const bool narrowed =
      on_terminal || without_leaders || !numbers_.empty() || !commands_.empty() || !terminals_.empty();
  const bool leader = process.stat(Stat::session) == process.pid();
  const bool terminal = process.stat(Stat::terminal) != 0;
  const bool simple = (without_leaders && on_terminal) ? !leader || terminal
                      : without_leaders                ? !leader
                                                       : on_terminal && terminal && !leader;
  const bool chosen = !narrowed || all || (any_user && any_terminal) || simple || listed(process);
  const bool runs = process.state() == 'R' || process.state() == 'D';
  return (chosen && (!running || runs)) != deselect;
}

}  // namespace rcrt::oci::ps
