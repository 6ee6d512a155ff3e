// SPDX-License-Identifier: MIT
// A container that is created waits here, with nothing of ours between it and its parent,
// until a later command connects to its socket and says go.
#include <signal.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

[[noreturn]] void end_by(int signal) { sys::exit(128 + signal); }

// Process 1 of a pid namespace is spared every signal that it does not handle. Those that end
// any other process end this one, too, until its command has a say.
void end_on_signals() {
  constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER: without one there is no handler
  const sys::KernelSigaction action = {end_by, kRestorer, [] { sys::exit(125); }, 0};
  constexpr auto bit = [](int signal) { return 1ULL << (signal - 1); };
  constexpr uint64_t kSpared = bit(SIGKILL) | bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU) |
                               bit(SIGCONT) | bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH);
  for (int signal = 1; signal <= 64; ++signal)
    if ((kSpared & bit(signal)) == 0) sys::sigaction(signal, &action);
}

// The uid of who connected, or of who listens: of a listening socket the kernel keeps the
// credentials of listen(2)'s caller. Both are seen through the same user namespace.
long uid_of(int socket, unsigned* uid) {
  struct {
    int pid;
    unsigned uid, gid;
  } peer = {};
  unsigned size = sizeof peer;
  long error = sys::call(SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, sys::arg(&peer), sys::arg(&size));
  *uid = peer.uid;
  return error;
}

// The folder of the socket is its owner's only; this is the second lock.
bool may_start(int listener, int connection) {
  unsigned owner = 0, peer = 0;
  return uid_of(listener, &owner) == 0 && uid_of(connection, &peer) == 0 && owner == peer;
}

}  // namespace

void wait_for_start(Child& child) {
  if (sys::getpid() == 1) end_on_signals();
  // The client that created us must see the end of its stream: all is made.
  sys::close(child.sync);
  child.sync = -1;
  for (;;) {
    int connection = sys::call(SYS_accept4, child.start, 0, 0, SOCK_CLOEXEC);
    if (connection == -EINTR || connection == -ECONNABORTED) continue;
    if (connection < 0) sys::exit(125);
    SimpleMessage message = {};
    long got = 0;
    if (may_start(child.start, connection)) {
      do got = sys::read(connection, &message, sizeof message);
      while (got == -EINTR);
    }
    if (got == sizeof message && message.kind == Kind::kGo) {
      child.sync = connection;
      break;
    }
    // Somebody who only asked whether we still wait.
    sys::close(connection);
  }
  sys::close(child.start);
  child.start = -1;
}

}  // namespace rcrt::launch
