// SPDX-License-Identifier: MIT
// rcrt-monitor: the parent of one container. It lives as long as the container, records
// how that ended, tells the client if one is there, and else starts the clean-up.
#pragma once

#include <errno.h>
#include <fcntl.h>

#include "launch/message.h"
#include "launch/plan.h"
#include "launch/protocol.h"
#include "launch/sys.h"

namespace rcrt::monitor {

using launch::Kind;
using launch::Stage;

struct Monitor {
  int client = launch::kControlFd;  // -1: gone
  plan::Plan* plan = nullptr;
  int fds[plan::kMaxFds + 1] = {};  // [0] is the plan's memfd
  int fd_count = 0;

  int pid = -1;
  int pidfd = -1;
  int mount_namespace = -1;  // held so that its teardown does not delay the report
  int cgroup = -1;
  int log = -1;
  int console = -1;    // the pty's master
  int child = -1;      // socket to the child
  uint64_t ahead = 0;  // namespaces that were made ahead
  bool yielding = false;
  bool go = false;
  bool reaped = false;
  bool abandoned = false;  // killed, half made, because the client was lost
  bool cleaned_up = false;

  const char* string(plan::Str at) const { return plan::string(plan, at); }
  int fd(int index) const { return index < 0 ? -1 : fds[index + 1]; }
};

struct Exit {
  int code = 0;
  int signal = 0;
  bool oom_killed = false;
  int64_t finished_at = 0;
};

// receive.cc
struct Request {
  union {
    Kind kind;
    launch::CloneMessage clone;
    launch::CommitMessage commit;
  };
  alignas(8) char early[plan::kMaxEarlyPlan];  // may follow kClone
  bool has_early = false;
  int fds[launch::kFdsPerMessage];
  int count = 0;
};
// The client's next message. False when the client went away, or speaks otherwise (reported).
bool receive_request(Monitor& monitor, Request& request);
// The plan and its descriptors, which begin with `first`. False as above.
bool receive_plan(Monitor& monitor, const Request& first);
// Tells the client, if it is there, what could not be done.
void report_failure(Monitor& monitor, Stage stage, long error, const char* object = nullptr);

// ahead.cc: namespaces made while there is nothing else to do; the process inherits them
// from the monitor, which goes back to its own.
void make_ahead(Monitor& monitor, uint64_t flags);     // what cannot be made is left to clone3
uint64_t use_ahead(Monitor& monitor, uint64_t flags);  // of `flags`, those that clone3 has to make
void leave_ahead(Monitor& monitor);

// yield.cc: while it makes a container the monitor, when it wakes, does not push aside whoever has the
// CPU: the container's process, or the client, have more to do.
void begin_to_yield(Monitor& monitor);
void yield_no_more(Monitor& monitor);

// spawn.cc: makes the container's process, as the plan says. False when it could not be
// made (reported).
bool spawn(Monitor& monitor);
// The same before there is a plan, and what is then left to do when it has come.
bool spawn_early(Monitor& monitor, Request& request);
bool adopt(Monitor& monitor);
// The process, not reaped yet, has been told go and has executed its command.
bool has_executed(const Monitor& monitor);
// Kills the process and reaps it.
void end_child(Monitor& monitor);

// relay.cc
struct Relay {
  int from = -1;  // the container's pipe, not blocking
  int to = -1;    // the client's stream
  unsigned used = 0, sent = 0;
  char buffer[4096] = {};

  bool wants_input() const { return from >= 0 && used == 0; }
  bool wants_output() const { return used > 0; }
  // Moves what can be moved without waiting; false when there was nothing to read.
  bool pull(int log);
  void push();
  void drop_client();
};
void drain_console(Monitor& monitor, bool* hung_up);

// record.cc
Exit collect(const Monitor& monitor);  // the container has ended: reap it
void write_record(const Monitor& monitor, const Exit& exit);
void report_exit(const Monitor& monitor, const Exit& exit);

// cleanup.cc: executes the clean-up command in our place, or exits.
[[noreturn]] void clean_up(const Monitor& monitor);

}  // namespace rcrt::monitor
