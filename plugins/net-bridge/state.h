// SPDX-License-Identifier: MIT
// What the plugin knows about itself, in state_dir (on tmpfs: it dies with the kernel
// objects it speaks of).
//
//   .bridge/lock            attach and detach hold it shared, whoever changes what is
//                           shared holds it exclusively
//   .bridge/table           the handle our nft table has; written before it is made
//   .bridge/sysctl.json     values as they were before us
//   .bridge/generation      the ruleset's generation when we last left it
//   .bridge/ports/tcp-80/   a published port: one symbolic link an address -> its owner
//   <network>/network.json  the network with everything filled in
//   <network>/table         the handle of the table that holds the network's elements
//   <network>/leases/       one symbolic link an address -> its owner, and .next
//   <network>/attachments/  one file an attachment, written before anything is made
//
// Links are made in one step with what they say, so a kill leaves none half written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "plugins/net-bridge/config.h"

namespace rcrt::bridge {

// A held lock. Released when destroyed, or by the kernel when the process dies.
class Lock {
 public:
  explicit Lock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

// The files of one network.
class NetworkFiles {
 public:
  NetworkFiles(UniqueFd folder, UniqueFd leases, UniqueFd attachments);

  Expected<std::optional<Network>> network() const;
  Status save(const Network& network);

  // The handle of the table that holds this network's elements; "" when none is known to.
  Expected<std::string> mark() const;
  Status mark(const std::string& handle);

  Expected<std::optional<Attachment>> attachment(const std::string& key) const;
  Status save(const Attachment& attachment);
  Status forget(const std::string& key);
  Expected<std::vector<std::string>> attachments() const;
  // Whether one came or went within the last milliseconds.
  bool changed_within(int milliseconds) const;

  // Takes addresses for the attachment: the wanted ones or the next free. O(1) while the
  // subnet is not nearly full.
  Status lease(Attachment& attachment, const Network& network);
  // Gives back what the attachment names; when it names nothing, what carries its key.
  Status release(const Attachment& attachment);

 private:
  Expected<bool> take(const Address& address, const std::string& key);
  UniqueFd folder_, leases_, attachments_;
};

class State {
 public:
  static Expected<State> open(const std::string& state_dir);

  Expected<Lock> lock_shared();
  Expected<Lock> lock_exclusive();

  Expected<std::vector<std::string>> networks() const;
  Expected<NetworkFiles> make_network(const std::string& name);  // or open it
  Expected<std::optional<NetworkFiles>> find_network(const std::string& name) const;
  // Removes all of a network's files.
  Status remove_network(const std::string& name);

  int own() const { return own_.get(); }  // .bridge

 private:
  Expected<NetworkFiles> open_network(const std::string& name, bool create) const;
  UniqueFd root_, own_;
};

}  // namespace rcrt::bridge
