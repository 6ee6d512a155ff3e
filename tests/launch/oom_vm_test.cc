// SPDX-License-Identifier: MIT
// A container killed for its memory. In the virtual machine only: the memory controller
// is switched on for the whole of it.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/launch/container.h"

namespace rcrt::test {
namespace {

class Oom : public LaunchTest {};

TEST_F(Oom, IsReported) {
  write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
  std::string path = "/sys/fs/cgroup/rcrt-launch-oom";
  ASSERT_EQ(0, mkdir(path.c_str(), 0755));
  write_file(path + "/memory.max", "16M");
  ASSERT_EQ("16777216\n", read_file(path + "/memory.max"));
  for (bool too_much : {false, true}) {
    std::string size = too_much ? "64M" : "1M";
    LaunchRequest request =
        this->request(spec({"dd", "if=/dev/zero", "of=/dev/null", "count=1", "bs=" + size}));
    request.cgroup.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Outcome outcome = run(std::move(request));
    EXPECT_EQ("", outcome.error);
    EXPECT_EQ(too_much, outcome.exit.oom_killed) << outcome.out;
    EXPECT_EQ(too_much ? SIGKILL : 0, outcome.exit.signal);
    EXPECT_EQ(too_much ? 137 : 0, outcome.exit.exit_code);
    auto record = read_exit_record(exit_path());
    ASSERT_TRUE(record);
    EXPECT_EQ(too_much, record->oom_killed);
  }
  EXPECT_EQ(0, rmdir(path.c_str()));
}

}  // namespace
}  // namespace rcrt::test
