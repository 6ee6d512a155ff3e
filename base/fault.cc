// SPDX-License-Identifier: MIT
#include "base/fault.h"

namespace rcrt {

namespace {

void (*watcher)(const char* name) = nullptr;

}  // namespace

void watch_points(void (*new_watcher)(const char* name)) { watcher = new_watcher; }

void tell_watcher(const char* name) {
  if (watcher != nullptr) watcher(name);
}

// faults.cc has the one that counts, where it is linked.
[[gnu::weak]] void fault_point(const char* name) { tell_watcher(name); }
[[gnu::weak]] const char* fault_setting(const char*) { return nullptr; }
[[gnu::weak]] int waiting_time(int usual, int) { return usual; }

}  // namespace rcrt
