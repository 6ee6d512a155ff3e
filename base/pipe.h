// SPDX-License-Identifier: MIT
// A pipe that both its ends own; neither outlives an exec.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

struct Pipe {
  UniqueFd read_end, write_end;
};

inline Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno_error("cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace rcrt
