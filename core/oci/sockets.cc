// SPDX-License-Identifier: MIT
#include "core/oci/sockets.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/unique_fd.h"

namespace rcrt::oci {
namespace {

// Reached through its folder: an engine's paths may be longer than a socket's address.
Result<UniqueFd> connect_to(const std::string& path, const std::string& what) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("cannot make a socket");
  auto slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  UniqueFd dir(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return errno_error("cannot reach " + what, path);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string short_path = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + name;
  if (short_path.size() >= sizeof address.sun_path)
    return error("cannot reach " + what, path, "its name is too long", ENAMETOOLONG);
  memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return errno_error("cannot reach " + what, path);
  return socket;
}

}  // namespace

Result<void> send_descriptor(const std::string& path, const std::string& what, std::string_view text,
                             int fd) {
  RCRT_ASSIGN(UniqueFd socket, connect_to(path, what));
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  while (!text.empty()) {
    iovec piece = {const_cast<char*>(text.data()), text.size()};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    ssize_t sent = sendmsg(socket.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno_error("cannot send to " + what, path);
    text.remove_prefix(static_cast<size_t>(sent));
    message.msg_control = nullptr;  // the descriptor went with the first piece
    message.msg_controllen = 0;
  }
  return {};
}

}  // namespace rcrt::oci
