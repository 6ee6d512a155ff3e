// SPDX-License-Identifier: MIT
#include "control.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include <charconv>
#include <memory>

#include "base/fault.h"

namespace rcrt::cgroup {
namespace {

int64_t now_ms() {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Waits until `key` of cgroup.events is `value`; the kernel signals changes with POLLPRI.
bool wait_for_event(int dir, std::string_view key, long long value, int64_t timeout_ms) {
  UniqueFd events(::openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!events) return errno == ENOENT;
  const int64_t end = now_ms() + timeout_ms;
  for (;;) {
    char text[256];
    ssize_t n = ::pread(events.get(), text, sizeof text, 0);
    if (n < 0) return errno == ENODEV;  // the group is gone
    if (flat_value({text, static_cast<size_t>(n)}, key) == value) return true;
    int64_t left = end - now_ms();
    if (left <= 0) return false;
    pollfd change{events.get(), POLLPRI, 0};
    (void)::poll(&change, 1, static_cast<int>(left));
  }
}

// Signals every process listed in the group and below. True if there was one.
bool signal_all(int dir) {
  bool any = false;
  if (auto procs = read_file(dir, "cgroup.procs"))
    for (const auto& word : words(*procs)) {
      pid_t pid = 0;
      std::from_chars(word.data(), word.data() + word.size(), pid);
      if (pid > 0 && ::kill(pid, SIGKILL) == 0) any = true;  // 0 is a process outside our pid namespace
    }
  if (auto inner = children(dir))
    for (const auto& name : *inner)
      if (auto child = open_directory(dir, name.c_str())) any = signal_all(child->get()) || any;
  return any;
}

void add_number(sdk::Json& part, const char* name, int dir, const char* file) {
  auto text = read_file(dir, file);
  if (!text) return;
  unsigned long long value = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc()) part[name] = value;
}

}  // namespace

Status kill_group(int dir) {
  fault_point("cgroup: kill");
  auto written = write_file(dir, "cgroup.kill", "1");
  if (written || written.error().code == ENODEV) return {};
  if (written.error().code != ENOENT) return written;
  // Before Linux 5.14: freeze, so that nothing forks away, signal, thaw. Processes
  // that entered meanwhile are met in the next round.
  for (int round = 0; round < 100; ++round) {
    (void)freeze_group(dir, true);
    bool any = signal_all(dir);
    (void)freeze_group(dir, false);
    if (!any || wait_for_event(dir, "populated", 0, 20)) return {};
  }
  return sdk::fail(EAGAIN, "cannot kill all processes of cgroup");
}

void wait_until_empty(int dir) { (void)wait_for_event(dir, "populated", 0, 5000); }

Status freeze_group(int dir, bool frozen) {
  fault_point("cgroup: freeze");
  RCRT_TRY(write_file(dir, "cgroup.freeze", frozen ? "1" : "0"));
  if (wait_for_event(dir, "frozen", frozen ? 1 : 0, 10000)) return {};
  if (frozen) (void)write_file(dir, "cgroup.freeze", "0");
  return sdk::fail(ETIMEDOUT, frozen ? "cannot freeze cgroup" : "cannot thaw cgroup", "cgroup.freeze",
                   frozen ? "a process sits in an uninterruptible system call; try again"
                          : "a group above it is frozen; thaw that one");
}

sdk::Json group_stats(int dir) {
  sdk::Json stats = sdk::Json::object();
  if (auto text = read_file(dir, "cpu.stat"))
    for (const char* key : {"usage_usec", "user_usec", "system_usec", "nr_throttled", "throttled_usec"})
      if (long long value = flat_value(*text, key); value >= 0) stats["cpu"][key] = value;
  sdk::Json memory = sdk::Json::object();
  add_number(memory, "current", dir, "memory.current");
  add_number(memory, "peak", dir, "memory.peak");
  add_number(memory, "limit", dir, "memory.max");  // absent when unlimited
  add_number(memory, "swap", dir, "memory.swap.current");
  if (auto text = read_file(dir, "memory.events"))
    if (long long kills = flat_value(*text, "oom_kill"); kills >= 0) memory["oom_kills"] = kills;
  if (!memory.empty()) stats["memory"] = memory;
  sdk::Json pids = sdk::Json::object();
  add_number(pids, "current", dir, "pids.current");
  // Without the controller they can be counted.
  if (auto listed = read_file(dir, "cgroup.procs"); listed && pids.empty())
    pids["current"] = words(*listed).size();
  add_number(pids, "limit", dir, "pids.max");
  if (!pids.empty()) stats["pids"] = pids;
  if (auto text = read_file(dir, "io.stat")) {  // "8:0 rbytes=1 wbytes=2 rios=3 ..."
    stats["io"] = sdk::Json::array();
    std::string_view rest = *text;
    while (!rest.empty()) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      sdk::Json entry = sdk::Json::object();
      for (const auto& word : words(line)) {
        size_t equals = word.find('=');
        if (equals == word.npos) {
          entry["device"] = word;
          continue;
        }
        unsigned long long value = 0;
        std::from_chars(word.data() + equals + 1, word.data() + word.size(), value);
        entry[word.substr(0, equals)] = value;
      }
      if (entry.size() > 1) stats["io"].push_back(entry);
    }
  }
  return stats;
}

std::vector<std::string> setting_files(int dir, const std::string& controller) {
  std::vector<std::string> files;
  UniqueFd fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
  if (!stream) return files;
  (void)fd.release();
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string name = entry->d_name;
    struct stat info;
    if (!name.starts_with(controller + ".") || name.ends_with(".pressure") || name.ends_with(".peak"))
      continue;
    if (::fstatat(dir, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if ((info.st_mode & 0222) && (info.st_mode & 0444)) files.push_back(name);
  }
  return files;
}

}  // namespace rcrt::cgroup
