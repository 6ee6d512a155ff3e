// SPDX-License-Identifier: MIT
// An engine's socket to which rcrt-oci sends a descriptor: of a terminal, of a seccomp filter's listener.
#pragma once

#include <string>

#include "base/unique_fd.h"

namespace rcrt::test {

class DescriptorSocket {
 public:
  explicit DescriptorSocket(const std::string& path);  // listens there, for everybody

  // Waits up to 20 s for somebody who connects, and for the end of what he sends; invalid when
  // that held no descriptor.
  UniqueFd receive(std::string* text = nullptr) const;

 private:
  UniqueFd socket_;
};

// All that is written to a terminal until nobody has it open.
std::string read_terminal(int master);

}  // namespace rcrt::test
