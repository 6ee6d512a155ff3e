// SPDX-License-Identifier: MIT
#include "base/fault.h"

namespace rcrt {

// faults.cc has the one that counts, where it is linked.
[[gnu::weak]] void fault_point(const char*) {}
[[gnu::weak]] const char* fault_setting(const char*) { return nullptr; }
[[gnu::weak]] int waiting_time(int usual, int) { return usual; }

}  // namespace rcrt
