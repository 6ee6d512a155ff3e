// SPDX-License-Identifier: MIT
#include "core/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace rcrt {
namespace {

TEST(Process, StartTimeTellsOneFromAnother) {
  const uint64_t start = process_start_time(getpid());
  EXPECT_NE(0U, start);
  EXPECT_TRUE(open_process(getpid(), start));
  EXPECT_FALSE(open_process(getpid(), start + 1));
  EXPECT_EQ(0U, process_start_time(-1));
}

TEST(Process, OtherCpusAreThoseWithoutOurOwn) {
  cpu_set_t all;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof all, &all));
  const auto choice = choose_cpus();
  ASSERT_EQ(CPU_COUNT(&all) > 1, choice.has_value());
  if (choice) {
    EXPECT_TRUE(CPU_EQUAL(&all, &choice->allowed));
    EXPECT_EQ(CPU_COUNT(&all) - 1, CPU_COUNT(&choice->others));
  }

  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(0, sched_setaffinity(0, sizeof one, &one));
  EXPECT_FALSE(choose_cpus()) << "there is no other";
  ASSERT_EQ(0, sched_setaffinity(0, sizeof all, &all));
}

}  // namespace
}  // namespace rcrt
