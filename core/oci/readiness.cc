// SPDX-License-Identifier: MIT
#include "core/oci/readiness.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/pipe.h"
#include "base/words.h"
#include "core/environment.h"
#include "core/oci/sockets.h"

namespace rcrt::oci {
namespace {

// As runc has them.
constexpr char kFolder[] = "notify";
constexpr char kSocket[] = "notify/notify.sock";
constexpr char kInside[] = "/run/notify";
constexpr int kPatience = 30'000;  // ms until the manager must have read what we sent

// The manager looks at who sent a message when it reads it, and by then we may be gone: it closes a
// descriptor that comes behind (sd_notify_barrier(3)).
void wait_until_read(int manager) {
  auto barrier = make_pipe();
  if (!barrier || send_with_descriptor(manager, "BARRIER=1", barrier->write_end.get()) < 0) return;
  barrier->write_end.reset();
  pollfd closed = {barrier->read_end.get(), 0, 0};
  while (poll(&closed, 1, kPatience) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<void> Readiness::add_to(Json& config, const Folder& folder) {
  if (mkdirat(folder.fd(), kFolder, 0755) != 0)
    return errno_error("cannot make a folder", folder.path() + "/" + kFolder);
  if (!config["mounts"].is_array()) config["mounts"] = Json::array();
  config["mounts"].push_back({{"destination", kInside},
                              {"type", "bind"},
                              {"source", folder.path() + "/" + kFolder},
                              {"options", {"bind", "nosuid", "noexec", "nodev", "ro"}}});
  set_variable(config["process"]["env"], std::string("NOTIFY_SOCKET=") + kInside + "/notify.sock");
  return {};
}

bool Readiness::added_to(const Folder& folder) { return faccessat(folder.fd(), kFolder, F_OK, 0) == 0; }

Result<Readiness> Readiness::listen(const Folder& folder, const std::string& manager) {
  Readiness readiness;
  struct stat status;
  // Whoever created it said nothing of a manager: its process knows no socket.
  if (manager.empty() || fstatat(folder.fd(), kFolder, &status, AT_SYMLINK_NOFOLLOW) != 0) return readiness;
  if (manager[0] != '/' && manager[0] != '@')
    return error("invalid NOTIFY_SOCKET", manager, "it must be an absolute path, or begin with @", EINVAL);
  RCRT_ASSIGN(readiness.manager_, connect_socket(manager, "the service manager's NOTIFY_SOCKET", SOCK_DGRAM));
  unlinkat(folder.fd(), kSocket, 0);  // of a start that failed
  RCRT_ASSIGN(readiness.socket_, folder.bind(kSocket, SOCK_DGRAM));
  if (fchmodat(folder.fd(), kSocket, 0777, 0) != 0)
    return errno_error("cannot open to the container", folder.path() + "/" + kSocket);
  return readiness;
}

Result<void> Readiness::forward(pid_t main) {
  char buffer[4096];
  // Descriptors that come with it are the kernel's to close.
  const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0) return {};
  const auto lines = words_of(std::string(buffer, static_cast<size_t>(got)), "\n");
  if (std::ranges::find(lines, "READY=1") == lines.end()) return {};
  socket_.reset();  // or the container would wait when it is full of what nobody reads
  const std::string said = (main > 0 ? "MAINPID=" + std::to_string(main) + "\n" : "") + "READY=1";
  if (send_with_descriptor(manager_.get(), said, -1) < 0)
    return errno_error("cannot tell the service manager that the container is ready");
  wait_until_read(manager_.get());
  return {};
}

Result<void> Readiness::wait(pid_t main, int pidfd) {
  while (fd() >= 0) {
    pollfd fds[2] = {{fd(), POLLIN, 0}, {pidfd, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return errno_error("cannot wait until the container is ready");
    }
    if (fds[0].revents != 0)
      RCRT_TRY(forward(main));
    else
      return {};  // it ended before it was
  }
  return {};
}

}  // namespace rcrt::oci
