// SPDX-License-Identifier: MIT
// rcrt as installed: unpacked from the distribution's tar into a folder of its own, with
// data and state beside it.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/json.h"
#include "tests/support/host_state.h"

namespace rcrt::test {

struct Output {
  int code = -1;  // 128 and the signal when one ended it
  std::string out, err;
};
std::ostream& operator<<(std::ostream& stream, const Output& output);

// A program that has been started, with pipes to its three streams.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // kills it

  pid_t pid() const { return pid_; }
  void write(const std::string& text);
  void close_input();
  void signal(int number);
  // Reads until standard output holds `text`; false when it ended or 20 s passed first.
  bool wait_for(const std::string& text);
  // What has come from its standard output so far.
  const std::string& output() const { return output_.out; }
  // Reads to the end of both streams and reaps. A stream that somebody else holds open for
  // more than 20 s after the program's end is a test failure.
  Output finish();

 private:
  bool read_some(int timeout_ms);

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  Output output_;
};

class Stage {
 public:
  explicit Stage(const std::string& tar = "packaging/dist.tar");
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();  // removes containers and the folder

  const std::string& dir() const { return dir_; }
  std::string program() const { return dir_ + "/p/bin/rcrt"; }
  std::string root() const { return dir_ + "/root"; }
  std::string state() const { return dir_ + "/state"; }

  std::vector<std::string> environment;  // further NAME=VALUE of each command

  Output run(const std::vector<std::string>& args, const std::string& input = {});
  std::unique_ptr<Process> start(const std::vector<std::string>& args);
  // The first entry of `rcrt inspect`.
  Json inspect(const std::string& name);
  // A new file in the stage's folder; its path.
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0644);
  // Files of containers under root and state, leases, and cgroups: empty when nothing is left.
  std::string leftovers() const;

 private:
  std::vector<std::string> command(const std::vector<std::string>& args) const;
  std::vector<std::string> whole_environment() const;

  std::string dir_;
};

// Asks for up to 10 s whether what another process is doing has come about.
bool eventually(const std::function<bool()>& condition);

// A stage for a whole suite; nothing of it is left on the host afterwards.
class StageTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;  // no container is left

  static Output run(const std::vector<std::string>& args, const std::string& input = {}) {
    return stage->run(args, input);
  }
  // `run --rm busybox ARGS`
  static Output box(std::vector<std::string> options, const std::vector<std::string>& command,
                    const std::string& input = {});
  static Output sh(const std::vector<std::string>& options, const std::string& script) {
    return box(options, {"sh", "-c", script});
  }

  static inline std::unique_ptr<Stage> stage;
  static inline const char* tar = "packaging/dist.tar";

 private:
  static inline std::unique_ptr<HostState> before_;
};

}  // namespace rcrt::test
