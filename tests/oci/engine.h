// SPDX-License-Identifier: MIT
// Container engines that run on rcrt-oci: their daemons and clients, with all they write in
// the stage's folder and in a /run of the test's own.
#pragma once

#include <signal.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {

// A daemon of an engine; ends with the object.
class Daemon {
 public:
  // A command for the shell; what the daemon says goes to `log`.
  Daemon(const std::string& command, const std::vector<std::string>& environment, std::string log,
         int end_signal = SIGTERM);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();  // sends `end_signal`, and waits

  // Asks for up to 90 s whether it is ready; else shows its log.
  bool wait_until(const std::function<bool()>& ready);
  pid_t pid() const { return process_.pid(); }

 private:
  Process process_;
  std::string log_;
  int end_signal_;
};

class EngineTest : public OciTest {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  static std::string folder() { return stage->dir() + "/engine"; }
  static std::string runtime() { return stage->dir() + "/p/bin/rcrt-oci"; }
  // A file in folder(); its path.
  static std::string file(const std::string& name, const std::string& text) {
    return stage->file("engine/" + name, text);
  }
  // Runs a script of the shell, with `environment`.
  static Output shell(const std::string& script);
  // Only what it prints; a failure of the test when it fails.
  static std::string out(const std::string& script);

  static inline std::vector<std::string> environment;
};

}  // namespace rcrt::test
