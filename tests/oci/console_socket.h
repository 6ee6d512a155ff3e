// SPDX-License-Identifier: MIT
// An engine's side of --console-socket.
#pragma once

#include <string>

namespace rcrt::test {

class ConsoleSocket {
 public:
  explicit ConsoleSocket(const std::string& path);  // listens there
  ConsoleSocket(const ConsoleSocket&) = delete;
  ConsoleSocket& operator=(const ConsoleSocket&) = delete;
  ~ConsoleSocket();

  // Takes the terminal that was sent, and reads all that is written to it.
  std::string read_all();

 private:
  int listener_ = -1, master_ = -1;
};

}  // namespace rcrt::test
