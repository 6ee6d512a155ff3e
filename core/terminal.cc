// SPDX-License-Identifier: MIT
#include "core/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace rcrt {
namespace {

void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    data += n;
    size -= static_cast<size_t>(n);
  }
}

}  // namespace

RawTerminal::RawTerminal(bool wanted) {
  if (!wanted || tcgetattr(0, &saved_) != 0) return;
  termios raw = saved_;
  cfmakeraw(&raw);
  active_ = tcsetattr(0, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_) tcsetattr(0, TCSADRAIN, &saved_);
}

bool copy_some(int from, int to, int log) {
  char buffer[32768];
  ssize_t n = read(from, buffer, sizeof buffer);
  if (n > 0) write_all(to, buffer, static_cast<size_t>(n));
  if (n > 0 && log >= 0) write_all(log, buffer, static_cast<size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

void send_end_of_file(int console) {
  const char end_of_file = 4;
  write_all(console, &end_of_file, 1);
}

std::pair<unsigned, unsigned> terminal_size() {
  winsize size{};
  if (ioctl(0, TIOCGWINSZ, &size) != 0) return {0, 0};
  return {size.ws_row, size.ws_col};
}

void copy_window_size(int console) {
  winsize size{};
  if (ioctl(0, TIOCGWINSZ, &size) == 0) ioctl(console, TIOCSWINSZ, &size);
}

}  // namespace rcrt
