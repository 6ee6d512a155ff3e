// SPDX-License-Identifier: MIT
#include "tests/support/host_state.h"

#include <cstdio>
#include <memory>
#include <sstream>
#include <vector>

namespace rcrt::test {
namespace {

// What passes by itself is left out: an element's remaining time, a link-local address
// that is still being checked.
const std::map<std::string, std::string> kObservers = {
    {"links", "ip -o link | sed 's/ state [A-Z]*//'"},
    {"addresses", "ip -o addr | sed 's/ tentative//; s/ dadfailed//'"},
    {"routes", "ip route show table all; ip -6 route show table all"},
    {"nftables", "nft -a list ruleset | sed -E 's/ expires [0-9a-z]+//g'"},
    {"iptables", "iptables-save | grep -v '^#'"},
    {"sysctl", "sysctl -a 2>/dev/null | grep -E '^net.*(forward|accept_r|route_localnet)'"},
    {"mounts", "cut -d' ' -f3- /proc/self/mountinfo | sort"},
    {"cgroups", "find /sys/fs/cgroup -type d -name '*rcrt*' 2>/dev/null | sort"},
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Lines of `a` that `b` does not have, counting repetitions.
std::string missing(const std::string& a, const std::string& b, const char* sign) {
  std::map<std::string, int> counts;
  for (const std::string& line : lines_of(b)) ++counts[line];
  std::string text;
  for (const std::string& line : lines_of(a))
    if (--counts[line] < 0) text += sign + line + "\n";
  return text;
}

}  // namespace

std::string observe(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("{ " + command + "\n} 2>&1").c_str(), "re"), pclose);
  std::string text;
  char buffer[4096];
  while (pipe)
    if (size_t size = fread(buffer, 1, sizeof buffer, pipe.get()); size > 0)
      text.append(buffer, size);
    else
      break;
  return text;
}

HostState HostState::take() {
  HostState state;
  for (const auto& [name, command] : kObservers) state.sections_[name] = observe(command);
  return state;
}

std::string HostState::diff(const HostState& later) const {
  std::string text;
  for (const auto& [name, before] : sections_) {
    const std::string& after = later.sections_.at(name);
    if (before == after) continue;
    std::string lines = missing(before, after, "-") + missing(after, before, "+");
    text += name + ":\n" + (lines.empty() ? "(the order changed)\n" : lines);
  }
  return text;
}

}  // namespace rcrt::test
