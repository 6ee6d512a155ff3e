// SPDX-License-Identifier: MIT
// The caller's terminal, when it stands for that of a container.
#pragma once

#include <termios.h>

#include <utility>

namespace rcrt {

// The terminal at descriptor 0 in raw mode, if `wanted` and there is one; given back when destroyed.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios saved_{};
  bool active_ = false;
};

// Copies what is there, to the log too unless it is -1; false when the source has ended. Nobody who
// reads any more is no error: the container goes on.
bool copy_some(int from, int to, int log = -1);

// What a terminal does on ^D.
void send_end_of_file(int console);

// Rows and columns of the terminal at descriptor 0; {0, 0} when it is none.
std::pair<unsigned, unsigned> terminal_size();

// Gives the console the size of the terminal at descriptor 0.
void copy_window_size(int console);

}  // namespace rcrt
