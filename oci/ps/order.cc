// SPDX-License-Identifier: MIT
#include "oci/ps/order.h"

#include <algorithm>
#include <map>

#include "base/words.h"

namespace rcrt::oci::ps {
namespace {

bool before(const Cell& a, const Cell& b) { return a.order ? *a.order < b.order : a.text < b.text; }

class Hierarchy {
 public:
  Hierarchy(const std::vector<Process>& processes, Forest forest) : forest_(forest) {
    std::map<pid_t, const Process*> known;
    for (const Process& process : processes) known[process.pid()] = &process;
    for (const Process& process : processes) {
      const auto parent = static_cast<pid_t>(process.stat(Stat::parent));
      (known.contains(parent) ? children_[parent] : roots_).push_back(&process);
    }
  }

  std::vector<Line> lines() {
    for (auto root = roots_.rbegin(); root != roots_.rend(); ++root) add(**root, "", "");
    return std::move(lines_);
  }

 private:
  // `branch` is drawn before the process itself, `below` before its children.
  void add(const Process& process, const std::string& branch, const std::string& below) {
    lines_.push_back({&process, branch});
    const auto found = children_.find(process.pid());
    if (found == children_.end()) return;
    for (const Process* child : found->second) {
      const bool last = child == found->second.back();
      if (forest_ == Forest::indented)
        add(*child, below + "  ", below + "  ");
      else
        add(*child, below + " \\_ ", below + (last ? "    " : " |  "));
    }
  }

  const Forest forest_;
  std::vector<const Process*> roots_;
  std::map<pid_t, std::vector<const Process*>> children_;
  std::vector<Line> lines_;
};

}  // namespace

Result<std::vector<Key>> parse_keys(const std::string& keys) {
  std::vector<Key> parsed;
  for (const std::string& word : words_of(keys, ", \t\n")) {
    const bool sign = word[0] == '+' || word[0] == '-';
    const Column* column = find_column(word.substr(sign ? 1 : 0));
    if (column == nullptr)
      return error("unknown ps column to sort by", word, "use names of ps(1), as -pcpu,+pid");
    parsed.push_back({column, word[0] == '-'});
  }
  return parsed;
}

void sort(std::vector<Process>& processes, const std::vector<Key>& keys, Machine& machine,
          const Style& style) {
  struct Sorted {
    Process process;
    std::vector<Cell> cells;
  };
  std::vector<Sorted> sorted;
  for (Process& process : processes) {
    sorted.push_back({std::move(process), {}});
    for (const Key& key : keys)
      sorted.back().cells.push_back(key.column->cell({sorted.back().process, machine, style}));
  }
  std::ranges::stable_sort(sorted, [&keys](const Sorted& a, const Sorted& b) {
    for (size_t i = 0; i < keys.size(); ++i) {
      const Cell &first = (keys[i].descending ? b : a).cells[i],
                 &second = (keys[i].descending ? a : b).cells[i];
      if (before(first, second)) return true;
      if (before(second, first)) return false;
    }
    return false;
  });
  processes.clear();
  for (Sorted& one : sorted) processes.push_back(std::move(one.process));
}

std::vector<Line> in_order(const std::vector<Process>& processes) {
  std::vector<Line> lines;
  for (const Process& process : processes) lines.push_back({&process, ""});
  return lines;
}

std::vector<Line> as_hierarchy(const std::vector<Process>& processes, Forest forest) {
  return Hierarchy(processes, forest).lines();
}

}  // namespace rcrt::oci::ps
