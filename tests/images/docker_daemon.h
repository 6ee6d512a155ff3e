// SPDX-License-Identifier: MIT
// A docker daemon in the test's own namespaces, with nothing of the machine's.
#pragma once

#include <memory>
#include <string>

#include "tests/e2e/stage.h"

namespace rcrt::test {

class DockerDaemon {
 public:
  // Its data goes below `dir`. Hides /run for as long as it lives.
  explicit DockerDaemon(const std::string& dir);
  DockerDaemon(const DockerDaemon&) = delete;
  DockerDaemon& operator=(const DockerDaemon&) = delete;
  ~DockerDaemon();

  // Whether docker is on this machine.
  static bool is_installed();
  // "docker --host ... ": the client, with a space after it.
  const std::string& client() const { return client_; }

 private:
  std::string data_, client_;
  std::unique_ptr<Process> process_;
};

}  // namespace rcrt::test
