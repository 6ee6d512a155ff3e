// SPDX-License-Identifier: MIT
// CRIU, the program that freezes processes into files and back, spoken to as criu(8) has it:
// `criu swrk FD`, messages of Protocol Buffers over a socket. It is executed, never linked.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/oci/criu_request.h"

namespace rcrt::oci {

// criu's path: `program` itself when it has a slash, else the first in PATH.
Result<std::string> find_criu(const std::string& program);

class Criu {
 public:
  // What it tells on the way: "post-dump", "orphan-pts-master"; it waits for our answer.
  struct Notice {
    std::string script;
    pid_t pid = 0;
    UniqueFd fd;
  };
  using Sink = std::function<Result<void>(Notice)>;

  // `program` from find_criu(). Its three streams are `stdio`, and the descriptors of `inherited`
  // are kFirstInherited and up to it. All of these are borrowed.
  static constexpr int kFirstInherited = 4;
  static Result<Criu> start(const std::string& program, const std::vector<int>& stdio,
                            const std::vector<int>& inherited);
  Criu(Criu&& other) noexcept;
  Criu& operator=(Criu&&) = delete;
  ~Criu();

  pid_t pid() const { return pid_; }
  // Too old for what we ask of it: an Error.
  Result<void> check_version();
  // The process that was restored, or 0.
  Result<pid_t> carry_out(CriuRequest& request, const Sink& sink);

 private:
  Criu(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  UniqueFd socket_;
};

// The last error in the text of its log that says why; empty when there is none.
std::string last_error(const std::string& text);

}  // namespace rcrt::oci
