// SPDX-License-Identifier: MIT
#include "cli/trace.h"

#include <cstdint>
#include <cstdio>
#include <mutex>

#include "base/fault.h"
#include "core/process.h"

namespace rcrt::cli {
namespace {

std::mutex printing;
int64_t beginning = 0, last = 0;  // nanoseconds

double milliseconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

void print_step(const char* name) {
  const std::lock_guard held(printing);
  const int64_t now = now_ns();
  fprintf(stderr, "rcrt: debug: %9.3f ms +%8.3f ms  %s\n", milliseconds(now - beginning),
          milliseconds(now - last), name);
  last = now;
}

}  // namespace

void trace_steps() {
  beginning = last = now_ns();
  watch_points(print_step);
}

}  // namespace rcrt::cli
