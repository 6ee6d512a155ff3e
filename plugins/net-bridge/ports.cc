// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/ports.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "base/fault.h"
#include "base/result.h"
#include "plugins/net-bridge/files.h"
#include "plugins/net-bridge/socket_owner.h"

namespace rcrt::bridge {
namespace {

constexpr const char* kEvery = "every";  // the link's name for "every address"

std::string folder_of(const Port& port) { return port.protocol + "-" + std::to_string(port.host_port); }

std::string link_of(const Port& port) {
  auto address = Address::parse(port.host_ip);
  return !address ? kEvery : address->is_any() ? kEvery + std::to_string(address->family) : address->text();
}

// Whether two claims of one port and protocol exclude each other.
bool conflict(const std::string& a, const std::string& b) {
  auto family = [](const std::string& name) {
    if (name == kEvery) return AF_UNSPEC;
    if (name.starts_with(kEvery)) return std::atoi(name.c_str() + std::string_view(kEvery).size());
    return name.find(':') == std::string::npos ? AF_INET : AF_INET6;
  };
  if (a == b) return true;
  if (!a.starts_with(kEvery) && !b.starts_with(kEvery)) return false;
  int fa = family(a), fb = family(b);
  return fa == AF_UNSPEC || fb == AF_UNSPEC || fa == fb;
}

std::string owner_of(int folder, const std::string& name) {
  char target[PATH_MAX];
  ssize_t size = readlinkat(folder, name.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

std::string describe(const Port& port) {
  std::string host = port.host_ip.find(':') == std::string::npos ? port.host_ip : "[" + port.host_ip + "]";
  return (host.empty() ? "" : host + ":") + std::to_string(port.host_port) + "/" + port.protocol;
}

// 0 when a server of the host could have the address and port now; `port` 0 lets the
// kernel choose and says which.
int try_bind(const std::string& protocol, const Address& address, uint16_t& port) {
  int type = protocol == "tcp" ? SOCK_STREAM : protocol == "udp" ? SOCK_DGRAM : SOCK_SEQPACKET;
  int number = protocol == "sctp" ? IPPROTO_SCTP : 0;
  UniqueFd fd(socket(address.family, type | SOCK_CLOEXEC, number));
  // A protocol the host does not have cannot be in use on it.
  if (!fd) return errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == ESOCKTNOSUPPORT ? 0 : errno;
  int on = 1;
  // Old connections may linger (TCP); a listener still refuses.
  if (protocol == "tcp") (void)setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage storage{};
  socklen_t size;
  if (address.family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    memcpy(&in->sin_addr, address.bytes.data(), 4);
    size = sizeof *in;
  } else {
    (void)setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    memcpy(&in->sin6_addr, address.bytes.data(), 16);
    size = sizeof *in;
  }
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return errno;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return errno;
  port = ntohs(address.family == AF_INET ? reinterpret_cast<sockaddr_in*>(&storage)->sin_port
                                         : reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

// The addresses of the host a port needs: where it listens, as seen from outside.
std::vector<Address> addresses_of(const Port& port, const Attachment& attachment) {
  if (auto address = Address::parse(port.host_ip)) return {*address};
  std::vector<Address> list;
  if (attachment.v4.valid()) list.push_back(Address::any(AF_INET));
  if (attachment.v6.valid()) list.push_back(Address::any(AF_INET6));
  return list;
}

// 0 or an errno value: the port is claimed by nobody and free on the host.
Expected<int> probe(int ports, const Port& port, const Attachment& attachment) {
  auto folder = open_folder(ports, folder_of(port), false);
  if (folder) {
    RCRT_ASSIGN(auto names, list_folder(folder->get()));
    for (const std::string& name : names)
      if (conflict(name, link_of(port))) {
        std::string owner = owner_of(folder->get(), name);
        if (owner == attachment.key() && name == link_of(port)) continue;
        return sdk::fail(
            EADDRINUSE, "cannot publish the port", describe(port),
            "container " + owner.substr(0, 12) + " publishes it: stop that one or choose another port");
      }
  }
  for (const Address& address : addresses_of(port, attachment)) {
    uint16_t number = port.host_port;
    int code = try_bind(port.protocol, address, number);
    if (code == EADDRNOTAVAIL)
      return sdk::fail(code, "cannot publish the port: the host has no such address", describe(port),
                       "use an address of this host, or none for all of them");
    if (code == EADDRINUSE) {
      std::string who = socket_owner(port.protocol, port.host_port);
      return sdk::fail(
          code, "cannot publish the port", describe(port),
          (who.empty() ? "a process of this host" : who) + " uses it: stop it or choose another port");
    }
    // Anything else (EACCES for a reserved port) is no business of ours: nothing is bound.
  }
  return 0;
}

Status choose(int ports, Port& port, const Attachment& attachment) {
  auto addresses = addresses_of(port, attachment);
  if (addresses.empty()) return sdk::fail(EINVAL, "cannot publish a port: the container has no address");
  for (int i = 0; i < 1000; ++i) {
    port.host_port = 0;
    if (int code = try_bind(port.protocol, addresses[0], port.host_port); code != 0)
      return sdk::fail(code, "cannot choose a free port on the host", port.host_ip);
    if (port.host_port == 0) port.host_port = static_cast<uint16_t>(32768 + i);  // a protocol the host lacks
    auto free = probe(ports, port, attachment);
    if (free) return {};
    if (free.error().code != EADDRINUSE) return std::unexpected(free.error());
  }
  return sdk::fail(EADDRINUSE, "cannot find a free port on the host", port.protocol);
}

Expected<UniqueFd> open_ports(const State& state) { return open_folder(state.own(), "ports", true); }

Status release_one(int ports, const std::string& folder_name, const std::string& key) {
  auto folder = open_folder(ports, folder_name, false);
  if (!folder) return folder.error().code == ENOENT ? Status() : std::unexpected(folder.error());
  RCRT_ASSIGN(auto names, list_folder(folder->get()));
  for (const std::string& name : names)
    if (owner_of(folder->get(), name) == key) RCRT_TRY(remove_file(folder->get(), name));
  (void)unlinkat(ports, folder_name.c_str(), AT_REMOVEDIR);  // others may still publish it
  return {};
}

Expected<UniqueFd> lock_ports(int ports) {
  UniqueFd lock(openat(ports, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return sdk::fail_errno("cannot open the lock", "ports");
  while (flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return sdk::fail_errno("cannot take the lock", "ports");
  return lock;
}

}  // namespace

Status claim_ports(const State& state, Attachment& attachment) {
  if (attachment.ports.empty()) return {};
  RCRT_ASSIGN(UniqueFd ports, open_ports(state));
  RCRT_ASSIGN(UniqueFd lock, lock_ports(ports.get()));
  for (Port& port : attachment.ports) {
    auto address = Address::parse(port.host_ip);
    const Address* target =
        address ? (address->family == AF_INET ? &attachment.v4 : &attachment.v6) : nullptr;
    if (target != nullptr && !target->valid())
      return sdk::fail(EINVAL, "cannot publish the port: the network has no address of that family",
                       describe(port));
    if (port.host_port == 0) {
      RCRT_TRY(choose(ports.get(), port, attachment));
    } else {
      RCRT_TRY(probe(ports.get(), port, attachment));
    }
    RCRT_ASSIGN(UniqueFd folder, open_folder(ports.get(), folder_of(port), true));
    if (symlinkat(attachment.key().c_str(), folder.get(), link_of(port).c_str()) != 0)
      return sdk::fail_errno("cannot claim the port", describe(port),
                             errno == EEXIST ? "the request names it twice" : "free some space");
    fault_point("net-bridge: port claimed");
  }
  return {};
}

Status release_ports(const State& state, const Attachment& attachment) {
  if (attachment.complete && attachment.ports.empty()) return {};
  auto ports = open_folder(state.own(), "ports", false);
  if (!ports) return ports.error().code == ENOENT ? Status() : std::unexpected(ports.error());
  RCRT_ASSIGN(UniqueFd lock, lock_ports(ports->get()));
  if (attachment.complete) {
    for (const Port& port : attachment.ports)
      RCRT_TRY(release_one(ports->get(), folder_of(port), attachment.key()));
    return {};
  }
  RCRT_ASSIGN(auto folders, list_folder(ports->get()));
  for (const std::string& name : folders) RCRT_TRY(release_one(ports->get(), name, attachment.key()));
  return {};
}

}  // namespace rcrt::bridge
