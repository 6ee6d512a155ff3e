// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/state.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/result.h"
#include "plugins/net-bridge/files.h"

namespace rcrt::bridge {
namespace {

constexpr const char* kNetworkFile = "network.json";
constexpr const char* kMarkFile = "table";
constexpr const char* kCounterFile = ".next";

Expected<Lock> lock_file(int at, const char* name, int operation) {
  UniqueFd fd(openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return sdk::fail_errno("cannot open the lock", name);
  while (flock(fd.get(), operation) != 0)
    if (errno != EINTR) return sdk::fail_errno("cannot take the lock", name);
  return Lock(std::move(fd));
}

std::string owner_of(int at, const std::string& name) {
  char target[PATH_MAX];
  ssize_t size = readlinkat(at, name.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<size_t>(size));
}

}  // namespace

NetworkFiles::NetworkFiles(UniqueFd folder, UniqueFd leases, UniqueFd attachments)
    : folder_(std::move(folder)), leases_(std::move(leases)), attachments_(std::move(attachments)) {}

Expected<std::optional<Network>> NetworkFiles::network() const {
  RCRT_ASSIGN(auto text, read_file(folder_.get(), kNetworkFile));
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  RCRT_ASSIGN(Network network, Network::from_json(json));
  return network;
}

Status NetworkFiles::save(const Network& network) {
  return write_file(folder_.get(), kNetworkFile, network.json().dump());
}

Expected<std::string> NetworkFiles::mark() const {
  RCRT_ASSIGN(auto text, read_file(folder_.get(), kMarkFile));
  return text.value_or("");
}

Status NetworkFiles::mark(const std::string& handle) {
  return handle.empty() ? remove_file(folder_.get(), kMarkFile)
                        : write_file(folder_.get(), kMarkFile, handle);
}

Expected<std::optional<Attachment>> NetworkFiles::attachment(const std::string& key) const {
  RCRT_ASSIGN(auto text, read_file(attachments_.get(), key));
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return sdk::fail(EINVAL, "damaged attachment file", key);
  RCRT_ASSIGN(Attachment attachment, Attachment::from_json(json));
  return attachment;
}

Status NetworkFiles::save(const Attachment& attachment) {
  return write_file(attachments_.get(), attachment.key(), attachment.json().dump());
}

Status NetworkFiles::forget(const std::string& key) { return remove_file(attachments_.get(), key); }

bool NetworkFiles::changed_within(int milliseconds) const {
  struct stat info;
  timespec now;
  if (milliseconds <= 0 || fstat(attachments_.get(), &info) != 0) return false;
  ::clock_gettime(CLOCK_REALTIME, &now);
  int64_t age = (now.tv_sec - info.st_mtim.tv_sec) * 1000 + (now.tv_nsec - info.st_mtim.tv_nsec) / 1'000'000;
  return age >= 0 && age < milliseconds;  // a clock that was set back keeps nothing
}

Expected<std::vector<std::string>> NetworkFiles::attachments() const {
  return list_folder(attachments_.get());
}

// True: it is ours now (or was already).
Expected<bool> NetworkFiles::take(const Address& address, const std::string& key) {
  std::string name = address.text();
  if (symlinkat(key.c_str(), leases_.get(), name.c_str()) == 0) return true;
  if (errno != EEXIST) return sdk::fail_errno("cannot lease the address", name);
  return owner_of(leases_.get(), name) == key;
}

Status NetworkFiles::lease(Attachment& attachment, const Network& network) {
  std::string key = attachment.key();
  for (Address* wanted : {&attachment.v4, &attachment.v6}) {
    if (!wanted->valid()) continue;
    const Range& range = wanted->family == AF_INET ? network.v4 : network.v6;
    if (!range.subnet.valid() || !range.subnet.contains(*wanted) || *wanted == range.subnet.base ||
        *wanted == range.gateway ||
        (wanted->family == AF_INET && *wanted == range.subnet.at(range.subnet.count() - 1)))
      return sdk::fail(EINVAL, "the network " + network.name + " cannot give the address", wanted->text(),
                       range.subnet.valid() ? "choose one of " + range.subnet.text()
                                            : "the network has no subnet of that family");
    RCRT_ASSIGN(bool ours, take(*wanted, key));
    if (!ours)
      return sdk::fail(EADDRINUSE, "another container has the address", wanted->text(),
                       "choose another address of " + range.subnet.text());
  }
  // Round robin: an address that was just given back is the last to be given out again.
  RCRT_ASSIGN(auto lock, lock_file(leases_.get(), kCounterFile, LOCK_EX));
  RCRT_ASSIGN(auto stored, read_file(leases_.get(), kCounterFile));
  uint32_t next = static_cast<uint32_t>(std::strtoul(stored->c_str(), nullptr, 10));
  uint32_t before = next;
  for (Address* address : {&attachment.v4, &attachment.v6}) {
    bool is_v4 = address == &attachment.v4;
    const Range& range = is_v4 ? network.v4 : network.v6;
    if (!range.subnet.valid() || address->valid()) continue;
    uint32_t size = is_v4 ? range.subnet.count() - 1 : range.subnet.count();
    // The IPv6 address tries the IPv4 address' offset first: easier to read, and one step.
    uint32_t offset = !is_v4 && attachment.v4.valid() && network.v4.subnet.valid()
                          ? network.v4.subnet.offset_of(attachment.v4)
                          : next;
    for (uint32_t tries = 0; tries < size && !address->valid(); ++tries, ++offset) {
      if (offset == 0 || offset >= size) offset = 1;
      Address candidate = range.subnet.at(offset);
      if (candidate == range.gateway) continue;
      RCRT_ASSIGN(bool ours, take(candidate, key));
      if (ours) *address = candidate;
    }
    if (!address->valid())
      return sdk::fail(
          EADDRNOTAVAIL, "no free address is left on the network", network.name,
          "stop containers, or create a network with a larger subnet than " + range.subnet.text());
    if (is_v4 || !network.v4.subnet.valid()) next = offset;
  }
  if (next == before) return {};
  // In place: a torn number only means another starting point.
  UniqueFd fd(openat(leases_.get(), kCounterFile, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  char text[16];
  int length = std::snprintf(text, sizeof text, "%-10u\n", next);
  if (!fd || pwrite(fd.get(), text, static_cast<size_t>(length), 0) != length)
    return sdk::fail_errno("cannot write", kCounterFile, "free some space");
  return {};
}

Status NetworkFiles::release(const Attachment& attachment) {
  std::vector<std::string> names;
  if (attachment.complete) {
    for (const Address* address : {&attachment.v4, &attachment.v6})
      if (address->valid()) names.push_back(address->text());
  } else {
    RCRT_ASSIGN(names, list_folder(leases_.get()));
  }
  for (const std::string& name : names)
    if (owner_of(leases_.get(), name) == attachment.key()) RCRT_TRY(remove_file(leases_.get(), name));
  return {};
}

Expected<State> State::open(const std::string& state_dir) {
  State state;
  RCRT_ASSIGN(state.root_, open_folder(AT_FDCWD, state_dir, true));
  RCRT_ASSIGN(state.own_, open_folder(state.root_.get(), ".bridge", true));
  return state;
}

Expected<Lock> State::lock_shared() { return lock_file(own(), "lock", LOCK_SH); }
Expected<Lock> State::lock_exclusive() { return lock_file(own(), "lock", LOCK_EX); }

Expected<std::vector<std::string>> State::networks() const {
  RCRT_ASSIGN(auto names, list_folder(root_.get()));
  // Other plugins keep their networks here too: ours have a network.json with our shape.
  std::erase_if(names, [&](const std::string& name) {
    return faccessat(root_.get(), (name + "/attachments").c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0 ||
           faccessat(root_.get(), (name + "/leases").c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  });
  return names;
}

Expected<NetworkFiles> State::make_network(const std::string& name) { return open_network(name, true); }

Expected<std::optional<NetworkFiles>> State::find_network(const std::string& name) const {
  auto files = open_network(name, false);
  if (files) return std::move(*files);
  if (files.error().code == ENOENT) return std::nullopt;
  return std::unexpected(files.error());
}

Expected<NetworkFiles> State::open_network(const std::string& name, bool create) const {
  RCRT_ASSIGN(UniqueFd folder, open_folder(root_.get(), name, create));
  RCRT_ASSIGN(UniqueFd leases, open_folder(folder.get(), "leases", create));
  RCRT_ASSIGN(UniqueFd attachments, open_folder(folder.get(), "attachments", create));
  return NetworkFiles(std::move(folder), std::move(leases), std::move(attachments));
}

Status State::remove_network(const std::string& name) {
  auto folder = open_folder(root_.get(), name, false);
  if (!folder) return folder.error().code == ENOENT ? Status() : std::unexpected(folder.error());
  for (const char* part : {"leases", "attachments"}) {
    auto inner = open_folder(folder->get(), part, false);
    if (!inner) continue;
    RCRT_ASSIGN(auto names, list_folder(inner->get(), true));
    for (const std::string& entry : names) RCRT_TRY(remove_file(inner->get(), entry));
    (void)unlinkat(folder->get(), part, AT_REMOVEDIR);
  }
  for (const char* name : {kMarkFile, kNetworkFile}) RCRT_TRY(remove_file(folder->get(), name));
  // Others may keep files of the network here (a shared hosts file): then the folder stays.
  (void)unlinkat(root_.get(), name.c_str(), AT_REMOVEDIR);
  return {};
}

}  // namespace rcrt::bridge
