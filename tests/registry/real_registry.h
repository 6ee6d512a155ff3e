// SPDX-License-Identifier: MIT
// Debian's docker-registry, with a folder of its own.
#pragma once

#include <memory>
#include <string>

#include "tests/e2e/stage.h"

namespace rcrt::test {

enum class RegistryAuth { none, password, token };

class RealRegistry {
 public:
  RealRegistry(const std::string& dir, bool tls, RegistryAuth auth);

  void start();
  void kill() { process_.reset(); }
  std::string host() const { return "127.0.0.1:5005"; }
  const std::string& dir() const { return dir_; }

 private:
  std::string dir_;
  std::unique_ptr<Process> process_, tokens_;
};

}  // namespace rcrt::test
