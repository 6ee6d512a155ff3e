// SPDX-License-Identifier: MIT
// Readiness of a container, as sd_notify(3) has it. A service manager believes processes of its unit
// only, and a container's are in a cgroup of their own: they tell us, and we tell the manager.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/oci/record.h"

namespace rcrt::oci {

class Readiness {
 public:
  // Nobody waits for it.
  Readiness() = default;

  // At the container's creation: a folder for the socket, which the configuration mounts, and the
  // variable that names it.
  static Result<void> add_to(Json& config, const Folder& folder);
  static bool added_to(const Folder& folder);
  // Before the command is executed: the socket, and a connection to the manager's, `manager`.
  static Result<Readiness> listen(const Folder& folder, const std::string& manager);

  // Readable when the container has said something; -1 when there is nothing more to hear.
  int fd() const { return socket_.get(); }
  // Reads one message. If it says READY=1, the manager is told, and that `main` is the service's process
  // from now on unless it is 0; it has heard of it when this returns.
  Result<void> forward(pid_t main);
  // Until it is ready, or has ended.
  Result<void> wait(pid_t main, int pidfd);

 private:
  UniqueFd socket_, manager_;
};

}  // namespace rcrt::oci
