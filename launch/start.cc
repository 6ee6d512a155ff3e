// SPDX-License-Identifier: MIT
// A container that is created waits here, with nothing of ours between it and its parent,
// until a later command connects to its socket and says go.
#include "launch/child.h"

namespace rcrt::launch {
namespace {

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
