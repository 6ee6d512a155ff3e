// SPDX-License-Identifier: MIT
#include "core/container.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/words.h"
#include "core/files.h"
#include "core/process.h"

namespace rcrt {
namespace {

constexpr size_t kNameDigits = 4;  // of the id, at the end of a generated name

bool is_hex(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// A hint: the process that has a lock on the file.
std::string who_has(int fd) {
  struct stat st;
  auto locks = read_file("/proc/locks");
  if (fstat(fd, &st) != 0 || !locks) return {};
  for (const auto& line : words_of(*locks, "\n")) {
    int pid = 0;
    unsigned long inode = 0;
    if (sscanf(line.c_str(), "%*s FLOCK %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 && inode == st.st_ino)
      return "process " + std::to_string(pid) + " has it: a plugin may hang there; end that process";
  }
  return {};
}

}  // namespace

const char* status_name(Status status) {
  switch (status) {
    case Status::created:
    case Status::creating:
      return "created";
    case Status::running:
      return "running";
    case Status::exited:
      return "exited";
    case Status::dead:
      return "dead";
  }
  return "unknown";
}

UniqueFd Container::open_process() const {
  return rcrt::open_process(pid(), state.value("startTime", uint64_t{0}));
}

UniqueFd Container::open_monitor() const {
  return rcrt::open_process(state.value("monitorPid", -1), state.value("monitorStartTime", uint64_t{0}));
}

Result<ContainerLock> ContainerLock::acquire(const Paths& paths, const std::string& id, Mode mode,
                                             int timeout_ms) {
  // The folder itself: a lock file in it could be made anew while the folder is removed.
  std::string path = paths.container(id);
  ContainerLock lock;
  lock.fd_.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.fd_ && errno == ENOENT) return error("no such container", id, {}, ENOENT);
  if (!lock.fd_) return errno_error("cannot open", path);
  constexpr int kPause = 20;
  const int operation = (mode == Mode::shared ? LOCK_SH : LOCK_EX) | (timeout_ms < 0 ? 0 : LOCK_NB);
  const bool waits = timeout_ms > 0;
  while (flock(lock.fd_.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return errno_error("cannot lock container", id);
    if (timeout_ms <= 0)
      return error("cannot lock container", id, waits ? who_has(lock.fd_.get()) : "", EWOULDBLOCK);
    usleep(kPause * 1000);
    timeout_ms -= kPause;
  }
  struct stat held, there;
  // Whoever had the lock before may have removed the container.
  if (fstat(lock.fd_.get(), &held) != 0 || stat(path.c_str(), &there) != 0 || held.st_ino != there.st_ino)
    return error("no such container", id, "it has just been removed", ENOENT);
  return lock;
}

Result<std::string> ContainerStore::find(const std::string& reference) const {
  auto none = [&] { return error("no such container", reference, "see `rcrt ps -a`", ENOENT); };
  if (reference.empty() || reference.find('/') != std::string::npos) return none();
  if (std::string id = name_owner(reference); !id.empty()) return id;
  if (!is_hex(reference) || reference.size() > 64) return none();
  std::string found;
  for (const auto& id : ids()) {
    if (!id.starts_with(reference)) continue;
    if (!found.empty())
      return error("more than one container begins with", reference, "give more digits", EINVAL);
    found = id;
  }
  if (found.empty()) return none();
  return found;
}

Result<Container> ContainerStore::load(const std::string& id) const {
  Container container;
  container.id = id;
  struct stat st;
  if (stat(paths_.container(id).c_str(), &st) != 0) return error("no such container", id, {}, ENOENT);
  auto config = read_json(paths_.container(id) + "/config.json");
  if (!config && config.error().code != ENOENT) container.damaged = paths_.container(id) + "/config.json";
  container.config = config ? std::move(*config) : Json::object();
  auto state = read_json(paths_.container_state(id) + "/state.json");
  if (!state && state.error().code != ENOENT) container.damaged = paths_.container_state(id) + "/state.json";
  container.state = state && state->value("bootId", "") == boot_id() ? std::move(*state) : Json::object();
  // Without its configuration it is half removed.
  if (config) {
    if (auto record = read_exit_record(paths_.container(id) + "/exit.json")) container.exit = *record;
    container.created = !container.exit && access(paths_.created_mark(id).c_str(), F_OK) == 0;
  }
  if (container.exit)
    container.status = Status::exited;
  else if (container.open_process())
    container.status = container.state.value("status", "") == "running" ? Status::running : Status::creating;
  else if (container.open_monitor())
    container.status = Status::running;  // ended this instant; the monitor is writing it down
  else if (!ContainerLock::acquire(paths_, id, ContainerLock::Mode::shared, 0))
    container.status = Status::creating;
  else if (container.created)
    container.status = Status::created;
  return container;
}

std::vector<std::string> ContainerStore::ids() const {
  std::vector<std::string> ids = list_folder(paths_.containers());
  std::erase_if(ids, [](const std::string& name) { return name.size() != 64 || !is_hex(name); });
  return ids;
}

std::string ContainerStore::name_owner(const std::string& name) const {
  if (std::string id = link_of(name); !id.empty()) return id;
  const size_t bar = name.rfind('_');
  if (bar == std::string::npos || name.size() - bar != 1 + kNameDigits) return {};
  for (const auto& id : ids()) {
    if (generated_name(id) != name) continue;
    // Unless it was given another one; half made or half removed it has no record of that.
    auto config = read_json(paths_.container(id) + "/config.json");
    if (!config || config->value("name", "") == name) return id;
  }
  return {};
}

std::string ContainerStore::link_of(const std::string& name) const {
  char id[65];
  ssize_t length = readlink((paths_.names() + "/" + name).c_str(), id, sizeof id);
  return length == 64 ? std::string(id, 64) : std::string();
}

Result<void> ContainerStore::take_name(const std::string& name, const std::string& id) const {
  const bool generated = name == generated_name(id);
  const bool taken = generated ? !link_of(name).empty() : !name_owner(name).empty();
  if (!taken && (generated || symlink(id.c_str(), (paths_.names() + "/" + name).c_str()) == 0)) return {};
  if (taken || errno == EEXIST)
    return error("container name is in use", name, "choose another or remove it with `rcrt rm " + name + "`",
                 EEXIST);
  return errno_error("cannot take container name", name);
}

void ContainerStore::give_up_name(const std::string& name, const std::string& id) const {
  if (!name.empty() && link_of(name) == id) unlink((paths_.names() + "/" + name).c_str());
}

Result<std::string> new_id() {
  std::array<unsigned char, 32> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return errno_error("cannot get random bytes");
  static const char kHex[] = "0123456789abcdef";
  std::string id;
  for (unsigned char byte : bytes) {
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

std::string generated_name(const std::string& id) {
  static constexpr std::array first = {"amber", "brisk", "calm",  "deft",  "early", "fair",
                                       "glad",  "hardy", "ideal", "jolly", "keen",  "light",
                                       "merry", "noble", "olive", "plain", "quick", "ready",
                                       "sharp", "tidy",  "upper", "vivid", "warm",  "young"};
  static constexpr std::array second = {"anchor", "barge",  "cabin",  "dock",  "engine", "ferry",
                                        "gauge",  "harbor", "island", "jetty", "keel",   "locker",
                                        "mast",   "needle", "oar",    "pier",  "quay",   "rail",
                                        "sail",   "tender", "unit",   "valve", "wagon",  "yard"};
  auto number = [&](size_t at) { return std::stoul(id.substr(at, 4), nullptr, 16); };
  return std::string(first[number(0) % first.size()]) + "_" + second[number(4) % second.size()] + "_" +
         id.substr(8, kNameDigits);
}

}  // namespace rcrt
