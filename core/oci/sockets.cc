// SPDX-License-Identifier: MIT
#include "core/oci/sockets.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace rcrt::oci {

// Reached through its folder: an engine's paths may be longer than a socket's address.
Result<UniqueFd> connect_socket(const std::string& path, const std::string& what, int type) {
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("cannot make a socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string reached = path;
  UniqueFd dir;
  if (path[0] != '@') {
    auto slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    dir.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!dir) return errno_error("cannot reach " + what, path);
    std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    reached = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + name;
  }
  if (reached.size() >= sizeof address.sun_path)
    return error("cannot reach " + what, path, "its name is too long", ENAMETOOLONG);
  memcpy(address.sun_path, reached.c_str(), reached.size());
  socklen_t size = sizeof address;
  if (path[0] == '@') {
    address.sun_path[0] = '\0';
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0)
    return errno_error("cannot reach " + what, path);
  return socket;
}

ssize_t send_with_descriptor(int socket, std::string_view text, int fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec piece = {const_cast<char*>(text.data()), text.size()};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

Result<void> send_descriptor(const std::string& path, const std::string& what, std::string_view text,
                             int fd) {
  RCRT_ASSIGN(UniqueFd socket, connect_socket(path, what, SOCK_STREAM));
  while (!text.empty()) {
    ssize_t sent = send_with_descriptor(socket.get(), text, fd);
    if (sent < 0) return errno_error("cannot send to " + what, path);
    text.remove_prefix(static_cast<size_t>(sent));
    fd = -1;  // it went with the first piece
  }
  return {};
}

}  // namespace rcrt::oci
