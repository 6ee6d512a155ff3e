// SPDX-License-Identifier: MIT
#include "core/oci/criu.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <sstream>

#include "core/find_program.h"

namespace rcrt::oci {
namespace {

constexpr char kInstall[] = "install the package criu, or name the program with --criu";
constexpr char kEnded[] = "criu ended without an answer";
constexpr int kSocket = 3;           // criu's end of the socket
constexpr int kAbove = 64;           // no descriptor of ours is in criu's way from here on
constexpr size_t kAnswer = 1 << 16;  // as much as criu sends at a time
constexpr int kMajor = 3, kMinor = 15;

Result<UniqueFd> lift(int fd) {
  UniqueFd above(fcntl(fd, F_DUPFD_CLOEXEC, kAbove));
  if (!above) return errno_error("cannot duplicate a descriptor");
  return above;
}

class Answer {
 public:
  static Result<Answer> receive(int socket) {
    auto buffer = std::make_unique<uint8_t[]>(kAnswer);
    iovec piece = {buffer.get(), kAnswer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size = 0;
    do size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno != ECONNRESET) return errno_error("cannot hear criu");
    Answer answer;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS)
      answer.fd.reset(*reinterpret_cast<const int*>(CMSG_DATA(header)));
    if (size <= 0) return error(kEnded);
    answer.response_.reset(criu__response__unpack(nullptr, static_cast<size_t>(size), buffer.get()));
    if (!answer.response_) return error("criu answers what is not understood", {}, "its version may not fit");
    return answer;
  }
  const Criu__Response* operator->() const { return response_.get(); }

  UniqueFd fd;

 private:
  struct Free {
    void operator()(Criu__Response* response) const { criu__response__free_unpacked(response, nullptr); }
  };
  std::unique_ptr<Criu__Response, Free> response_;
};

Result<void> send_bytes(int socket, const std::string& bytes) {
  if (send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size())) return {};
  if (errno == EPIPE) return error(kEnded);
  return errno_error("cannot speak to criu");
}

Result<void> answer_notice(int socket, bool success) {
  Criu__Request reply = CRIU__REQUEST__INIT;
  reply.type = CRIU__TYPE__NOTIFY;
  RCRT_CRIU_SET(reply, notify_success, success);
  std::string bytes(criu__request__get_packed_size(&reply), '\0');
  criu__request__pack(&reply, reinterpret_cast<uint8_t*>(bytes.data()));
  return send_bytes(socket, bytes);
}

std::unexpected<Error> refusal(const Answer& answer) {
  Error failed{"criu failed", {}, answer->has_code ? answer->code : 0, {}, {}, 125};
  if (answer->message != nullptr) failed.cause = answer->message;
  return std::unexpected(std::move(failed));
}

}  // namespace

Result<std::string> find_criu(const std::string& program) {
  if (program.find('/') == std::string::npos) {
    if (std::string found = find_program(program); !found.empty()) return found;
    return error("no program in PATH is called", program, kInstall, ENOENT);
  }
  if (access(program.c_str(), X_OK) != 0) return errno_error("cannot execute criu", program, kInstall);
  return program;
}

Result<Criu> Criu::start(const std::string& program, const std::vector<int>& stdio,
                         const std::vector<int>& inherited) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_error("cannot make a socket");
  UniqueFd ours(ends[0]), theirs(ends[1]);
  std::vector<UniqueFd> lifted;
  RCRT_ASSIGN(ours, lift(ours.get()));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  std::unique_ptr<posix_spawn_file_actions_t, int (*)(posix_spawn_file_actions_t*)> actions_end(
      &actions, posix_spawn_file_actions_destroy);
  int number = 0;
  auto give = [&](int fd, int as) -> Result<void> {
    RCRT_ASSIGN(UniqueFd above, lift(fd));
    posix_spawn_file_actions_adddup2(&actions, above.get(), as);
    lifted.push_back(std::move(above));
    return {};
  };
  for (int fd : stdio) RCRT_TRY(give(fd, number++));
  RCRT_TRY(give(theirs.get(), kSocket));
  number = kFirstInherited;
  for (int fd : inherited) RCRT_TRY(give(fd, number++));
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "criu", verb = "swrk", fd = std::to_string(kSocket);
  char* argv[] = {name.data(), verb.data(), fd.data(), nullptr};
  pid_t pid = -1;
  errno = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (errno != 0) return errno_error("cannot execute criu", program, kInstall);
  return Criu(pid, std::move(ours));
}

Criu::Criu(Criu&& other) noexcept : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

// It ends when it is no longer spoken to.
Criu::~Criu() {
  socket_.reset();
  if (pid_ <= 0) return;
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> Criu::check_version() {
  Criu__Request request = CRIU__REQUEST__INIT;
  request.type = CRIU__TYPE__VERSION;
  RCRT_CRIU_SET(request, keep_open, 1);
  std::string bytes(criu__request__get_packed_size(&request), '\0');
  criu__request__pack(&request, reinterpret_cast<uint8_t*>(bytes.data()));
  RCRT_TRY(send_bytes(socket_.get(), bytes));
  RCRT_ASSIGN(Answer answer, Answer::receive(socket_.get()));
  if (!answer->success) return refusal(answer);
  const Criu__Version* version = answer->version;
  if (version != nullptr &&
      (version->major > kMajor || (version->major == kMajor && version->minor >= kMinor)))
    return {};
  return error("criu is too old",
               version == nullptr ? std::string()
                                  : std::to_string(version->major) + "." + std::to_string(version->minor),
               "install 3.15 or later");
}

Result<pid_t> Criu::carry_out(CriuRequest& request, const Sink& sink) {
  RCRT_TRY(send_bytes(socket_.get(), request.bytes()));
  Result<void> heard;
  for (;;) {
    RCRT_ASSIGN(Answer answer, Answer::receive(socket_.get()));
    if (!answer->success) {
      if (!heard) return std::unexpected(heard.error());
      return refusal(answer);
    }
    if (answer->type != CRIU__TYPE__NOTIFY) return answer->restored == nullptr ? 0 : answer->restored->pid;
    Notice notice;
    if (const auto* notification = answer->notification; notification != nullptr) {
      if (notification->script != nullptr) notice.script = notification->script;
      notice.pid = notification->pid;
    }
    notice.fd = std::move(answer.fd);
    heard = sink(std::move(notice));
    RCRT_TRY(answer_notice(socket_.get(), heard.has_value()));
  }
}

std::string last_error(const std::string& text) {
  std::string last;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t at = line.find("Error (");
    // The last of all says only that it failed.
    if (at != line.npos && !line.ends_with(" FAILED.")) last = line.substr(at);
  }
  return last;
}

}  // namespace rcrt::oci
