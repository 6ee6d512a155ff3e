// SPDX-License-Identifier: MIT
// Columns: time used, time of start, scheduling.
#include <time.h>

#include <algorithm>
#include <cstdio>

#include "core/files.h"
#include "oci/ps/column.h"

namespace rcrt::oci::ps {
namespace {

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  char text[64];
  snprintf(text, sizeof text, format, values...);
  return text;
}

long long ticks_used(const View& view, bool children) {
  const Process& p = view.process;
  long long ticks = p.stat(Stat::user_ticks) + p.stat(Stat::system_ticks);
  if (children) ticks += p.stat(Stat::children_user_ticks) + p.stat(Stat::children_system_ticks);
  return ticks;
}

// Of one processor since the start, in parts of `whole`.
long long share(const View& view, long long whole) {
  const auto age = static_cast<long long>(view.machine.age(view.process));
  return age > 0 ? ticks_used(view, view.style.children) * whole / age : 0;
}

double exact_percent(const View& view, bool children) {
  const double age = view.machine.age(view.process);
  return age > 0 ? static_cast<double>(ticks_used(view, children)) * 100 / age : 0;
}

Cell percent(const View& view) {
  const long long mille = share(view, 1000);
  return {mille > 999 ? std::to_string(mille / 10) : formatted("%lld.%lld", mille / 10, mille % 10),
          exact_percent(view, false)};
}

Cell whole_percent(const View& view) {
  return {formatted("%2lld", std::min(share(view, 100), 99LL)), exact_percent(view, false)};
}

Cell mille(const View& view) {
  return {formatted("%3lld", std::min(share(view, 1000), 999LL)), exact_percent(view, false)};
}

template <bool children>
Cell fine_percent(const View& view) {
  const double value = exact_percent(view, children);
  return {formatted("%#.3f", value > 99 ? 99.999 : value), value};
}

long long seconds(const View& view, double ticks) {
  return static_cast<long long>(ticks / view.machine.ticks_per_second());
}

// [DD-]hh:mm:ss
std::string clock_text(long long seconds, bool always_hours) {
  const long long days = seconds / 86400, hours = seconds / 3600 % 24;
  std::string text;
  if (days > 0) text += std::to_string(days) + "-";
  if (days > 0 || hours > 0 || always_hours) text += formatted("%02lld:", hours);
  return text + formatted("%02lld:%02lld", seconds / 60 % 60, seconds % 60);
}

long long seconds_used(const View& view) {
  return seconds(view, static_cast<double>(ticks_used(view, false)));
}

Cell used(const View& view) {
  return {clock_text(seconds_used(view), true), static_cast<double>(ticks_used(view, false))};
}

Cell used_seconds(const View& view) { return number(seconds_used(view)); }

Cell used_minutes(const View& view) {
  const long long ticks = ticks_used(view, view.style.children);
  const long long all = seconds(view, static_cast<double>(ticks));
  return {formatted("%3lld:%02lld", all / 60, all % 60), static_cast<double>(ticks)};
}

Cell elapsed(const View& view) {
  const double age = view.machine.age(view.process);
  return {clock_text(seconds(view, age), false), age};
}

Cell elapsed_seconds(const View& view) {
  const double age = view.machine.age(view.process);
  return {std::to_string(seconds(view, age)), age};
}

std::string date(time_t when, const char* format) {
  tm parts{};
  localtime_r(&when, &parts);
  char text[64];
  return {text, strftime(text, sizeof text, format, &parts)};
}

Cell start(const View& view, const char* format) {
  return {date(view.machine.start(view.process), format),
          static_cast<double>(view.process.stat(Stat::start))};
}

bool within_a_day(const View& view) { return view.machine.now() - view.machine.start(view.process) < 86400; }

Cell long_start(const View& view) { return start(view, "%a %b %e %H:%M:%S %Y"); }
Cell day_start(const View& view) { return start(view, within_a_day(view) ? "%H:%M:%S" : "  %b %d"); }
Cell bsd_start(const View& view) { return start(view, within_a_day(view) ? " %H:%M" : "%b %e"); }

Cell short_start(const View& view) {
  const time_t now = view.machine.now(), begun = view.machine.start(view.process);
  const auto differs = [now, begun](const char* part) { return date(now, part) != date(begun, part); };
  return start(view, differs("%Y") ? "%Y" : differs("%j") ? "%b%d" : "%H:%M");
}

// ps has had many ideas of what a priority is; all follow from the kernel's.
template <int sign, int offset>
Cell priority(const View& view) {
  const long long kernels = view.process.stat(Stat::priority);
  return {std::to_string(sign * kernels + offset), static_cast<double>(kernels)};
}

int policy(const View& view) { return static_cast<int>(view.process.stat(Stat::policy)); }

Cell nice_value(const View& view) {
  const long long nice = view.process.stat(Stat::nice);
  const bool meaningful = policy(view) == 0 || policy(view) == 3;  // SCHED_OTHER, SCHED_BATCH
  return {meaningful ? std::to_string(nice) : "-", static_cast<double>(nice)};
}

Cell policy_name(const View& view) {
  static constexpr const char* kNames[] = {"TS", "FF", "RR", "B", "ISO", "IDL", "DLN", "#7", "#8", "#9"};
  const auto index = static_cast<size_t>(policy(view));
  return {index < std::size(kNames) ? kNames[index] : "?", static_cast<double>(index)};
}

Cell policy_number(const View& view) { return number(policy(view)); }

Cell realtime_priority(const View& view) {
  const long long value = view.process.stat(Stat::realtime_priority);
  return {policy(view) == 0 ? "-" : std::to_string(value), static_cast<double>(value)};
}

Cell processor(const View& view) { return number(view.process.stat(Stat::processor)); }

Cell processor_if_running(const View& view) {
  return {view.process.state() == 'R' ? processor(view).text : "*",
          static_cast<double>(view.process.state())};
}

Cell processor_node(const View& view) {
  for (const std::string& name : list_folder("/sys/devices/system/cpu/cpu" + processor(view).text))
    if (name.starts_with("node")) return {name.substr(4), std::stod(name.substr(4))};
  return number(-1);
}

Cell autogroup(const View& view, int field) {
  int id = -1, nice = 0;
  sscanf(view.process.file("autogroup").c_str(), "/autogroup-%d nice %d", &id, &nice);
  return number(field == 0 ? id : nice);
}

Cell autogroup_id(const View& view) { return autogroup(view, 0); }
Cell autogroup_nice(const View& view) { return autogroup(view, 1); }

constexpr Column kColumns[] = {
    {"pcpu %cpu", "%CPU", 4, Fit::right, Scope::both, percent},
    {"c util", "C", 2, Fit::right, Scope::both, whole_percent},
    {"cp", "CP", 3, Fit::right, Scope::both, mille},
    {"cuu", "%CUU", 6, Fit::right, Scope::both, fine_percent<false>},
    {"cuc", "%CUC", 7, Fit::right, Scope::both, fine_percent<true>},
    {"time cputime atime", "TIME", 8, Fit::right, Scope::both, used},
    {"times cputimes", "TIME", 8, Fit::right, Scope::both, used_seconds},
    {"bsdtime", "TIME", 6, Fit::right, Scope::both, used_minutes},
    {"etime", "ELAPSED", 11, Fit::right, Scope::both, elapsed},
    {"etimes", "ELAPSED", 7, Fit::right, Scope::both, elapsed_seconds},
    {"lstart", "STARTED", 24, Fit::right, Scope::both, long_start},
    {"start", "STARTED", 8, Fit::right, Scope::both, day_start},
    {"bsdstart", "START", 6, Fit::right, Scope::both, bsd_start},
    {"start_time", "START", 5, Fit::right, Scope::both, short_start},
    {"stime", "STIME", 5, Fit::right, Scope::both, short_start},
    {"pri", "PRI", 3, Fit::right, Scope::thread, priority<-1, 39>},
    {"opri intpri", "PRI", 3, Fit::right, Scope::thread, priority<1, 60>},
    {"priority", "PRI", 3, Fit::right, Scope::thread, priority<1, 0>},
    {"pri_api", "API", 3, Fit::right, Scope::thread, priority<-1, -1>},
    {"pri_bar", "BAR", 3, Fit::right, Scope::thread, priority<1, 1>},
    {"pri_baz", "BAZ", 3, Fit::right, Scope::thread, priority<1, 100>},
    {"pri_foo", "FOO", 3, Fit::right, Scope::thread, priority<1, -20>},
    {"ni nice", "NI", 3, Fit::right, Scope::thread, nice_value},
    {"class", "CLS", 3, Fit::left, Scope::thread, policy_name},
    {"cls", "CLS", 3, Fit::right, Scope::thread, policy_name},
    {"policy", "POL", 3, Fit::left, Scope::thread, policy_name},
    {"sched", "SCH", 3, Fit::right, Scope::thread, policy_number},
    {"rtprio", "RTPRIO", 6, Fit::right, Scope::thread, realtime_priority},
    {"psr", "PSR", 3, Fit::right, Scope::thread, processor},
    {"cpuid", "CPUID", 5, Fit::right, Scope::thread, processor},
    {"lastcpu", "C", 3, Fit::right, Scope::thread, processor},
    {"sgi_p", "P", 1, Fit::right, Scope::thread, processor_if_running},
    {"numa", "NUMA", 4, Fit::right, Scope::both, processor_node},
    {"ag_id", "AGID", 5, Fit::right, Scope::both, autogroup_id},
    {"ag_nice", "AGNI", 4, Fit::right, Scope::both, autogroup_nice},
    {"alarm", "ALARM", 5, Fit::right, Scope::both, nothing},
    {"timeout tmout", "TMOUT", 5, Fit::right, Scope::both, nothing},
};

}  // namespace

std::span<const Column> time_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
