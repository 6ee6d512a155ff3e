// SPDX-License-Identifier: MIT
#include <signal.h>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

class Run : public LaunchTest {};

TEST_F(Run, ExitCodes) {
  EXPECT_EQ(0, run(spec({"true"})).exit_code);
  EXPECT_EQ(1, run(spec({"false"})).exit_code);
  Outcome outcome = run(spec({"sh", "-c", "exit 42"}));
  EXPECT_EQ("", outcome.error);
  EXPECT_EQ(42, outcome.exit.exit_code);
  EXPECT_EQ(0, outcome.exit.signal);
  auto record = read_exit_record(exit_path());
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(42, record->exit_code);
  EXPECT_EQ(outcome.exit.finished_at, record->finished_at);
}

TEST_F(Run, Output) { EXPECT_EQ("hello\n", run(spec({"echo", "hello"})).out); }

}  // namespace
}  // namespace rcrt::test
