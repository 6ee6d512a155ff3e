// SPDX-License-Identifier: MIT
// What ps(1) shows of a process, out of /proc.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/files.h"
#include "oci/ps.h"

namespace rcrt::oci {
namespace {

std::string read_proc(pid_t pid, const char* file) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/" + file, 1 << 20);
  return text ? *text : std::string();
}

unsigned long per_second() { return static_cast<unsigned long>(sysconf(_SC_CLK_TCK)); }

std::string user_name(unsigned uid) {
  // The machine's users; a container's own are numbers to it.
  auto passwd = read_file("/etc/passwd");
  std::string wanted = ":" + std::to_string(uid) + ":";
  for (size_t at = 0; passwd && at < passwd->size();) {
    size_t end = std::min(passwd->find('\n', at), passwd->size());
    std::string line = passwd->substr(at, end - at);
    size_t name = line.find(':'), password = line.find(':', name + 1);
    if (name != line.npos && password != line.npos && line.compare(password, wanted.size(), wanted) == 0)
      return line.substr(0, name);
    at = end + 1;
  }
  return std::to_string(uid);
}

std::string terminal_name(const ProcessInfo& process) {
  unsigned device = process.terminal, major = device >> 8 & 0xfff;
  unsigned minor = (device & 0xff) | (device >> 12 & 0xfff00);
  if (major >= 136 && major <= 143) return "pts/" + std::to_string((major - 136) * 256 + minor);
  if (major == 4 && minor < 64) return "tty" + std::to_string(minor);
  return "?";
}

// Seconds since the process began.
unsigned long age(const ProcessInfo& process) {
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  auto now = static_cast<unsigned long>(boot.tv_sec), start = process.start / per_second();
  return now > start ? now - start : 0;
}

std::string start_text(const ProcessInfo& process) {
  const time_t when = time(nullptr) - static_cast<time_t>(age(process));
  tm parts{};
  localtime_r(&when, &parts);
  char text[16];
  strftime(text, sizeof text, age(process) < 86400 ? "%H:%M" : "%b%d", &parts);
  return text;
}

// [DD-]hh:mm:ss; without hours when there are none, if they may be left away.
std::string clock_text(unsigned long seconds, bool whole) {
  char text[64];
  if (seconds >= 86400)
    snprintf(text, sizeof text, "%lu-%02lu:%02lu:%02lu", seconds / 86400, seconds / 3600 % 24,
             seconds / 60 % 60, seconds % 60);
  else if (whole || seconds >= 3600)
    snprintf(text, sizeof text, "%02lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
  else
    snprintf(text, sizeof text, "%02lu:%02lu", seconds / 60, seconds % 60);
  return text;
}

std::string percent(double part, double whole) {
  char text[32];
  snprintf(text, sizeof text, "%.1f", whole > 0 ? part * 100 / whole : 0.0);
  return text;
}

unsigned long seconds_used(const ProcessInfo& process) { return process.ticks / per_second(); }

std::string memory_percent(const ProcessInfo& process) {
  return percent(static_cast<double>(process.resident), static_cast<double>(sysconf(_SC_PHYS_PAGES)));
}

std::string processor_percent(const ProcessInfo& process) {
  return percent(static_cast<double>(process.ticks) / static_cast<double>(per_second()),
                 static_cast<double>(age(process)));
}

std::string state_text(const ProcessInfo& process) {
  std::string text(1, process.state);
  if (process.nice < 0) text += '<';
  if (process.nice > 0) text += 'N';
  if (process.session == process.pid) text += 's';
  if (process.threads > 1) text += 'l';
  return text;
}

std::string kilobytes(unsigned long bytes) { return std::to_string(bytes / 1024); }

using P = const ProcessInfo&;
const Column kColumns[] = {
    {"pid", "PID", true, [](P p) { return std::to_string(p.pid); }},
    {"ppid", "PPID", true, [](P p) { return std::to_string(p.parent); }},
    {"pgid pgrp", "PGID", true, [](P p) { return std::to_string(p.group); }},
    {"sid sess session", "SID", true, [](P p) { return std::to_string(p.session); }},
    {"uid euid", "UID", true, [](P p) { return std::to_string(p.uid); }},
    {"user euser uname", "USER", false, [](P p) { return user_name(p.uid); }},
    {"c", "C", true,
     [](P p) {
       const std::string whole = processor_percent(p);
       return whole.substr(0, whole.find('.'));
     }},
    {"pcpu %cpu", "%CPU", true, processor_percent},
    {"pmem %mem", "%MEM", true, memory_percent},
    {"vsz vsize", "VSZ", true, [](P p) { return kilobytes(p.size); }},
    {"rss rssize rsz", "RSS", true,
     [](P p) { return kilobytes(p.resident * static_cast<unsigned long>(sysconf(_SC_PAGESIZE))); }},
    {"ni nice", "NI", true, [](P p) { return std::to_string(p.nice); }},
    {"nlwp thcount", "NLWP", true, [](P p) { return std::to_string(p.threads); }},
    {"tty tt", "TT", false, terminal_name},
    {"tname", "TTY", false, terminal_name},
    {"stat", "STAT", false, state_text},
    {"state s", "S", false, [](P p) { return std::string(1, p.state); }},
    {"stime start_time", "STIME", true, start_text},
    {"start", "START", true, start_text},
    {"etime", "ELAPSED", true, [](P p) { return clock_text(age(p), false); }},
    {"etimes", "ELAPSED", true, [](P p) { return std::to_string(age(p)); }},
    {"time cputime", "TIME", true, [](P p) { return clock_text(seconds_used(p), true); }},
    {"comm ucmd ucomm", "COMMAND", false, [](P p) { return p.name; }},
    {"args command", "COMMAND", false, [](P p) { return p.command; }},
    {"cmd", "CMD", false, [](P p) { return p.command; }},
};

}  // namespace

std::optional<ProcessInfo> process_info(pid_t pid) {
  ProcessInfo process;
  process.pid = pid;
  std::string stat = read_proc(pid, "stat"), status = read_proc(pid, "status");
  size_t name = stat.find('('), end = stat.rfind(')'), uid = status.find("\nUid:");
  if (name == stat.npos || end == stat.npos || uid == status.npos) return {};
  unsigned long user = 0, kernel = 0;
  if (sscanf(stat.c_str() + end + 1,
             " %c %d %d %d %u %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %d %d %*d %lu %lu %lu",
             &process.state, &process.parent, &process.group, &process.session, &process.terminal, &user,
             &kernel, &process.nice, &process.threads, &process.start, &process.size,
             &process.resident) != 12 ||
      sscanf(status.c_str() + uid, "\nUid: %*u %u", &process.uid) != 1)
    return {};
  process.ticks = user + kernel;
  process.name = stat.substr(name + 1, end - name - 1);
  process.command = read_proc(pid, "cmdline");
  while (!process.command.empty() && process.command.back() == '\0') process.command.pop_back();
  std::ranges::replace_if(process.command, [](unsigned char c) { return c < 0x20; }, ' ');
  if (process.command.empty()) process.command = "[" + process.name + "]";
  return process;
}

const Column* find_column(std::string_view name) {
  for (const Column& column : kColumns) {
    const std::string names = std::string(" ") + column.names + " ";
    if (names.find(" " + std::string(name) + " ") != names.npos) return &column;
  }
  return nullptr;
}

}  // namespace rcrt::oci
