// SPDX-License-Identifier: MIT
#include "monitor/monitor.h"

namespace rcrt::monitor {
namespace {

// The log is a regular file: a short write means a full disk, and then output is lost
// rather than the container stopped.
void write_log(int log, const char* data, size_t size) {
  while (log >= 0 && size > 0) {
    long written = sys::write(log, data, size);
    if (written == -EINTR) continue;
    if (written <= 0) return;
    data += written;
    size -= static_cast<size_t>(written);
  }
}

}  // namespace

bool Relay::pull(int log) {
  if (!wants_input()) return false;
  long got = sys::read(from, buffer, sizeof buffer);
  if (got == -EAGAIN || got == -EINTR) return false;
  if (got <= 0) {
    sys::close(from);
    from = -1;
    return false;
  }
  write_log(log, buffer, static_cast<size_t>(got));
  if (to >= 0) {
    used = static_cast<unsigned>(got);
    sent = 0;
  }
  return true;
}

void Relay::push() {
  if (used == 0) return;
  long written = sys::write(to, buffer + sent, used - sent);
  if (written == -EAGAIN || written == -EINTR) return;
  if (written < 0) return drop_client();
  sent += static_cast<unsigned>(written);
  if (sent == used) used = 0;
}

void Relay::drop_client() {
  if (to >= 0) sys::close(to);
  to = -1;
  used = 0;
}

void drain_console(Monitor& monitor, bool* hung_up) {
  char buffer[1024];
  for (;;) {
    pollfd ready = {monitor.console, POLLIN, 0};
    timespec now = {};
    if (sys::poll(&ready, 1, &now) <= 0) return;
    long got = sys::read(monitor.console, buffer, sizeof buffer);
    if (got <= 0) {
      *hung_up = true;  // no process has the slave open at the moment
      return;
    }
    *hung_up = false;
    write_log(monitor.log, buffer, static_cast<size_t>(got));
  }
}

}  // namespace rcrt::monitor
