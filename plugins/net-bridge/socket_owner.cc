// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/socket_owner.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "plugins/net-bridge/files.h"

namespace rcrt::bridge {
namespace {

constexpr std::string_view kListening = "0A", kUnconnected = "07";

// The n-th column of a line, counted from 0.
std::string_view column(std::string_view line, int n) {
  for (;; --n) {
    size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    line.remove_prefix(start);
    size_t end = std::min(line.find(' '), line.size());
    if (n == 0) return line.substr(0, end);
    line.remove_prefix(end);
  }
}

template <typename T>
bool number(std::string_view text, int base, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::string link_target(const std::string& path) {
  char target[64];
  ssize_t size = readlink(path.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

}  // namespace

std::vector<uint64_t> bound_inodes(std::string_view table, uint16_t port) {
  std::vector<uint64_t> inodes;
  while (!table.empty()) {
    size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    std::string_view local = column(line, 1), state = column(line, 3);
    size_t colon = local.rfind(':');
    uint16_t found = 0;
    uint64_t inode = 0;
    if (colon == std::string_view::npos || !number(local.substr(colon + 1), 16, found) || found != port)
      continue;
    if (state != kListening && state != kUnconnected) continue;
    if (number(column(line, 9), 10, inode) && inode != 0) inodes.push_back(inode);
  }
  return inodes;
}

std::string socket_owner(const std::string& protocol, uint16_t port) {
  std::vector<std::string> wanted;
  for (const char* suffix : {"", "6"}) {
    auto table = read_file(AT_FDCWD, "/proc/thread-self/net/" + protocol + suffix);
    if (!table || !*table) continue;
    for (uint64_t inode : bound_inodes(**table, port))
      wanted.push_back("socket:[" + std::to_string(inode) + "]");
  }
  auto proc = open_folder(AT_FDCWD, "/proc", false);
  if (wanted.empty() || !proc) return {};
  auto names = list_folder(proc->get());
  if (!names) return {};
  for (const std::string& pid : *names) {
    if (pid[0] < '0' || pid[0] > '9') continue;
    auto folder = open_folder(proc->get(), pid + "/fd", false);
    if (!folder) continue;
    auto descriptors = list_folder(folder->get());
    if (!descriptors) continue;
    for (const std::string& fd : *descriptors) {
      std::string target = link_target("/proc/" + pid + "/fd/" + fd);
      if (std::find(wanted.begin(), wanted.end(), target) == wanted.end()) continue;
      auto name = read_file(proc->get(), pid + "/comm");
      std::string comm = name && *name ? **name : "a process\n";
      return comm.substr(0, comm.find('\n')) + " (process " + pid + ")";
    }
  }
  return {};
}

}  // namespace rcrt::bridge
