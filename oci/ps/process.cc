// SPDX-License-Identifier: MIT
#include "oci/ps/process.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "base/words.h"
#include "core/files.h"

namespace rcrt::oci::ps {

std::optional<Process> Process::read(std::string folder, pid_t pid, pid_t tid, bool thread) {
  Process process;
  process.pid_ = pid;
  process.tid_ = tid;
  process.thread_ = thread;
  process.folder_ = std::move(folder);
  const std::string stat = process.file("stat");
  process.status_ = process.file("status");
  const size_t name = stat.find('('), end = stat.rfind(')');  // a name may have brackets of its own
  if (name == stat.npos || end == stat.npos || end + 2 >= stat.size() || process.status_.empty()) return {};
  process.name_ = stat.substr(name + 1, end - name - 1);
  process.state_ = stat[end + 2];
  process.stat_ = words_of(std::string_view(stat).substr(end + 3), " \n");
  return process;
}

std::optional<Process> Process::read(pid_t pid) {
  return read("/proc/" + std::to_string(pid) + "/", pid, pid, false);
}

std::vector<Process> Process::threads_of(pid_t pid) {
  const std::string whole = "/proc/" + std::to_string(pid) + "/", folder = whole + "task/";
  std::vector<pid_t> tids;
  for (const std::string& name : list_folder(folder)) tids.push_back(std::atoi(name.c_str()));
  std::ranges::sort(tids);
  std::vector<Process> threads;
  if (tids.size() == 1) {
    if (auto process = read(pid)) threads.push_back(std::move(*process));
    return threads;
  }
  // As ps has it: what the first thread used is what all of them did.
  for (const pid_t tid : tids)
    if (auto thread = read(tid == pid ? whole : folder + std::to_string(tid) + "/", pid, tid, true))
      threads.push_back(std::move(*thread));
  return threads;
}

long long Process::stat(Stat field) const {
  const size_t index = static_cast<size_t>(field) - static_cast<size_t>(Stat::parent);
  if (index >= stat_.size()) return 0;
  return static_cast<long long>(std::strtoull(stat_[index].c_str(), nullptr, 10));
}

std::string Process::status(std::string_view key) const {
  const std::string line = "\n" + std::string(key) + ":\t";
  const size_t begin = status_.find(line);
  if (begin == status_.npos) return {};
  const size_t value = begin + line.size();
  return status_.substr(value, status_.find('\n', value) - value);
}

unsigned long long Process::status_number(std::string_view key) const {
  return std::strtoull(status(key).c_str(), nullptr, 10);
}

unsigned Process::identity(std::string_view key, Identity which) const {
  const auto words = words_of(status(key), "\t ");
  const auto index = static_cast<size_t>(which);
  return index < words.size() ? static_cast<unsigned>(std::strtoul(words[index].c_str(), nullptr, 10)) : 0;
}

unsigned Process::user(Identity which) const { return identity("Uid", which); }
unsigned Process::group(Identity which) const { return identity("Gid", which); }

std::string Process::file(const char* name) const {
  auto text = read_file(folder_ + name, 8 << 20);
  return text ? *text : std::string();
}

std::string Process::link(const char* name) const {
  char target[PATH_MAX];
  const ssize_t size = readlink((folder_ + name).c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

}  // namespace rcrt::oci::ps
