// SPDX-License-Identifier: MIT
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "compile.h"

namespace rcrt::seccomp {
namespace {

constexpr int kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr int kAlways = BPF_JMP | BPF_JA;
constexpr int kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr int kGreater = BPF_JMP | BPF_JGT | BPF_K;
constexpr int kGreaterEqual = BPF_JMP | BPF_JGE | BPF_K;
constexpr int kReturn = BPF_RET | BPF_K;
constexpr uint32_t kArch = offsetof(seccomp_data, arch), kNumber = offsetof(seccomp_data, nr);

sock_filter instruction(int code, uint32_t k, size_t yes = 0, size_t no = 0) {
  return {static_cast<uint16_t>(code), static_cast<uint8_t>(yes), static_cast<uint8_t>(no), k};
}

// What a call comes to by its architecture and number: an answer, or the instruction from
// which on its arguments are looked at.
struct Outcome {
  bool answer;
  uint32_t value;  // what is returned, or the instruction's place in the program
  bool operator==(const Outcome&) const = default;
};

// Calls from this number up to the next range's come to this.
struct Range {
  uint32_t first;
  Outcome outcome;
  bool operator==(const Range&) const = default;
};

// None: the program does something else with architecture or number than compare them.
std::optional<Outcome> outcome_of(const Program& program, uint32_t arch, uint32_t number) {
  std::optional<uint32_t> a;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& insn = program[at];
    bool taken = false;
    switch (insn.code) {
      case kLoad:
        if (insn.k != kArch && insn.k != kNumber) return Outcome{false, static_cast<uint32_t>(at)};
        a = insn.k == kArch ? arch : number;
        continue;
      case kReturn:
        return Outcome{true, insn.k};
      case kAlways:
        at += insn.k;
        continue;
      case kEqual:
        taken = a == insn.k;
        break;
      case kGreater:
        taken = a > insn.k;
        break;
      case kGreaterEqual:
        taken = a >= insn.k;
        break;
      default:
        return std::nullopt;
    }
    if (!a) return std::nullopt;
    at += taken ? insn.jt : insn.jf;
  }
  return std::nullopt;
}

// Values at which a comparison can come out otherwise than one below.
struct Edges {
  std::set<uint32_t> arch = {0}, number = {0};
};

// Jumps lead forward only: one pass tells what each comparison may find in the accumulator.
Edges edges_of(const Program& program) {
  enum Held : unsigned { kHoldsArch = 1, kHoldsNumber = 2, kHoldsOther = 4 };
  std::vector<unsigned> held(program.size() + 1);
  Edges edges;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& insn = program[at];
    if (insn.code == kAlways) {
      held[at + 1 + insn.k] |= held[at];
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      held[at + 1 + insn.jt] |= held[at];
      held[at + 1 + insn.jf] |= held[at];
      for (auto [holds, set] : {std::pair{kHoldsArch, &edges.arch}, {kHoldsNumber, &edges.number}}) {
        if ((held[at] & holds) == 0) continue;
        if (insn.code != kGreater) set->insert(insn.k);
        if (insn.code != kGreaterEqual && insn.k != UINT32_MAX) set->insert(insn.k + 1);
      }
    } else if (insn.code == kLoad) {
      held[at + 1] |= insn.k == kArch ? kHoldsArch : insn.k == kNumber ? kHoldsNumber : kHoldsOther;
    } else if (BPF_CLASS(insn.code) != BPF_RET) {
      held[at + 1] |= kHoldsOther;
    }
  }
  return edges;
}

std::optional<std::vector<Range>> ranges_of(const Program& program, const std::set<uint32_t>& edges,
                                            uint32_t arch) {
  std::vector<Range> ranges;
  for (uint32_t first : edges) {
    auto outcome = outcome_of(program, arch, first);
    if (!outcome) return std::nullopt;
    if (ranges.empty() || ranges.back().outcome != *outcome) ranges.push_back({first, *outcome});
  }
  return ranges;
}

// A jump to instruction `k` of the original program, until place_arguments().
constexpr uint16_t kToOriginal = UINT16_MAX;

// A search among so few ranges that every jump reaches: comparisons first, then the outcomes.
class Search {
 public:
  static constexpr size_t kMost = 200;

  Program made(const Range* ranges, size_t count) {
    if (count > 1) compare(ranges, count);
    if (count == 1) place(ranges[0].outcome);
    for (const Branch& branch : branches_) {
      const size_t to = place(branch.to) - branch.from - 1;  // may move the program
      (branch.yes ? program_[branch.from].jt : program_[branch.from].jf) = static_cast<uint8_t>(to);
    }
    return std::move(program_);
  }

 private:
  struct Branch {
    size_t from;
    bool yes;
    Outcome to;
  };

  size_t compare(const Range* ranges, size_t count) {
    const size_t at = program_.size(), half = count / 2;
    program_.push_back(instruction(kGreaterEqual, ranges[half].first));
    branch(at, true, ranges + half, count - half);
    branch(at, false, ranges, half);
    return at;
  }
  void branch(size_t from, bool yes, const Range* ranges, size_t count) {
    if (count == 1) return branches_.push_back({from, yes, ranges[0].outcome});
    const size_t to = compare(ranges, count) - from - 1;
    (yes ? program_[from].jt : program_[from].jf) = static_cast<uint8_t>(to);
  }
  size_t place(const Outcome& outcome) {
    auto [entry, fresh] = places_.try_emplace({outcome.answer, outcome.value}, program_.size());
    if (fresh) program_.push_back(instruction(outcome.answer ? kReturn : kToOriginal, outcome.value));
    return entry->second;
  }

  Program program_;
  std::vector<Branch> branches_;
  std::map<std::pair<bool, uint32_t>, size_t> places_;
};

Program search(const Range* ranges, size_t count) {
  if (count <= Search::kMost) {
    Program program = Search().made(ranges, count);
    if (program.size() <= UINT8_MAX) return program;
  }
  const size_t half = count / 2;
  Program below = search(ranges, half), from = search(ranges + half, count - half);
  Program both = {instruction(kGreaterEqual, ranges[half].first, 1, 0),
                  instruction(kAlways, static_cast<uint32_t>(from.size()))};
  both.insert(both.end(), from.begin(), from.end());
  both.insert(both.end(), below.begin(), below.end());
  return both;
}

// Appends the code that looks at arguments, as it was, and leads the jumps there.
bool place_arguments(Program& program, const Program& original) {
  std::set<size_t> wanted;
  for (const sock_filter& insn : program)
    if (insn.code == kToOriginal) wanted.insert(insn.k);
  // Jumps lead forward only: one pass finds all that can be reached.
  for (size_t at = 0; at < original.size(); ++at) {
    if (!wanted.contains(at)) continue;
    const sock_filter& insn = original[at];
    if (BPF_CLASS(insn.code) == BPF_RET) continue;
    if (insn.code == kAlways) {
      wanted.insert(at + 1 + insn.k);
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      wanted.insert({at + 1 + insn.jt, at + 1 + insn.jf});
    } else {
      wanted.insert(at + 1);
    }
  }
  std::map<size_t, size_t> place;
  const size_t start = program.size();
  for (size_t at : wanted) {
    place[at] = program.size();
    program.push_back(original[at]);
  }
  for (size_t now = 0; now < start; ++now)
    if (program[now].code == kToOriginal)
      program[now] = instruction(kAlways, static_cast<uint32_t>(place[program[now].k] - now - 1));
  for (const auto& [at, now] : place) {
    sock_filter& insn = program[now];
    if (insn.code == kAlways) {
      insn.k = static_cast<uint32_t>(place[at + 1 + insn.k] - now - 1);
    } else if (BPF_CLASS(insn.code) == BPF_JMP) {
      const size_t yes = place[at + 1 + insn.jt] - now - 1, no = place[at + 1 + insn.jf] - now - 1;
      if (yes > UINT8_MAX || no > UINT8_MAX) return false;
      insn.jt = static_cast<uint8_t>(yes);
      insn.jf = static_cast<uint8_t>(no);
    }
  }
  return true;
}

bool keeps_nothing_in_memory(const Program& program) {
  return std::all_of(program.begin(), program.end(), [](const sock_filter& insn) {
    const int kind = BPF_CLASS(insn.code);
    return insn.code == kLoad || (kind == BPF_JMP && BPF_SRC(insn.code) == BPF_K) ||
           (kind == BPF_ALU && BPF_SRC(insn.code) == BPF_K) || kind == BPF_RET;
  });
}

}  // namespace

Program by_ranges(const Program& original) {
  if (!well_formed(original.data(), original.size()) || !keeps_nothing_in_memory(original)) return original;
  const Edges edges = edges_of(original);
  // One architecture after the other: each edge begins a stretch of those treated alike.
  std::vector<std::pair<uint32_t, std::vector<Range>>> architectures;
  for (uint32_t arch : edges.arch) {
    auto ranges = ranges_of(original, edges.number, arch);
    if (!ranges) return original;
    if (architectures.empty() || architectures.back().second != *ranges)
      architectures.emplace_back(arch, std::move(*ranges));
  }

  Program program = {instruction(kLoad, kArch)};
  // The last stretch first: what is not below its beginning belongs to it.
  for (size_t i = architectures.size(); i-- > 0;) {
    const auto& [arch, ranges] = architectures[i];
    Program section = search(ranges.data(), ranges.size());
    if (ranges.size() > 1) section.insert(section.begin(), instruction(kLoad, kNumber));
    if (i > 0) {
      program.push_back(instruction(kGreaterEqual, arch, 1, 0));
      program.push_back(instruction(kAlways, static_cast<uint32_t>(section.size())));
    }
    program.insert(program.end(), section.begin(), section.end());
  }
  if (!place_arguments(program, original) || program.size() >= original.size()) return original;
  return program;
}

}  // namespace rcrt::seccomp
