// SPDX-License-Identifier: MIT
#include "core/users.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/unique_fd.h"
#include "core/files.h"

namespace rcrt {
namespace {

constexpr size_t kDatabaseLimit = 8 << 20;

// The text of a database inside the root; empty when there is none.
Result<std::string> read_database(int root_fd, const char* path) {
  if (root_fd < 0) return std::string();
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root_fd, path, &how, sizeof how)));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::string();
  if (!fd) return errno_error("cannot open the container's", path);
  return read_fd(fd.get(), std::string("the container's ") + path, kDatabaseLimit);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t start = 0;;) {
    size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string::npos) return parts;
    start = end + 1;
  }
}

bool looks_numeric(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789+-") == std::string::npos;
}

std::optional<uint32_t> number(const std::string& word) {
  if (word.empty() || word.size() > 10 || word.find_first_not_of("0123456789") != std::string::npos)
    return {};
  if (word.size() > 1 && word[0] == '0') return {};
  uint64_t value = std::stoull(word);
  if (value > 0x7fffffff) return {};
  return static_cast<uint32_t>(value);
}

Result<uint32_t> strict_number(const std::string& word, const char* what) {
  if (auto value = number(word)) return *value;
  return error(std::string("invalid ") + what, word, "a number is a plain decimal from 0 to 2147483647",
               EINVAL);
}

struct GroupLine {
  std::string name;
  uint32_t gid;
  std::vector<std::string> members;
};

std::vector<GroupLine> parse_groups(const std::string& text) {
  std::vector<GroupLine> groups;
  for (const auto& line : split(text, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    auto gid = number(fields[2]);
    if (gid)
      groups.push_back(
          {fields[0], *gid, fields.size() > 3 ? split(fields[3], ',') : std::vector<std::string>()});
  }
  return groups;
}

Result<uint32_t> find_group(const std::vector<GroupLine>& groups, const std::string& word) {
  if (looks_numeric(word)) return strict_number(word, "group");
  for (const auto& group : groups)
    if (group.name == word) return group.gid;
  return error("no such group in the container's /etc/group", word, "give a number or another group", EINVAL);
}

}  // namespace

Result<User> resolve_user(int root_fd, const std::string& spec,
                          const std::vector<std::string>& extra_groups) {
  User user;
  size_t colon = spec.find(':');
  std::string name = spec.substr(0, colon);
  std::string group = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (spec.find('\0') != std::string::npos || (colon != std::string::npos && (group.empty() || name.empty())))
    return error("invalid user", spec, "write USER, UID, USER:GROUP or UID:GID", EINVAL);

  RCRT_ASSIGN(std::string passwd, read_database(root_fd, "etc/passwd"));
  std::optional<uint32_t> wanted;
  if (name.empty()) wanted = 0;
  if (looks_numeric(name)) {
    RCRT_ASSIGN(wanted, strict_number(name, "user"));
  }
  std::string login;
  bool found = false;
  for (const auto& line : split(passwd, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 6) continue;
    auto uid = number(fields[2]);
    auto gid = number(fields[3]);
    if (!uid || !gid || (wanted ? *uid != *wanted : fields[0] != name)) continue;
    user.uid = *uid;
    user.gid = *gid;
    if (!fields[5].empty() && fields[5][0] == '/') user.home = fields[5];
    login = fields[0];
    found = true;
    break;
  }
  if (!found && !wanted)
    return error("no such user in the container's /etc/passwd", name, "give a number or another user",
                 EINVAL);
  if (!found) user.uid = *wanted;

  if (group.empty() && extra_groups.empty() && login.empty()) return user;
  RCRT_ASSIGN(std::string text, read_database(root_fd, "etc/group"));
  auto groups = parse_groups(text);
  if (!group.empty()) {
    RCRT_ASSIGN(user.gid, find_group(groups, group));
  } else if (!login.empty()) {
    for (const auto& line : groups)
      if (std::ranges::find(line.members, login) != line.members.end()) user.groups.push_back(line.gid);
  }
  for (const auto& word : extra_groups) {
    RCRT_ASSIGN(uint32_t gid, find_group(groups, word));
    user.groups.push_back(gid);
  }
  std::ranges::sort(user.groups);
  user.groups.erase(std::unique(user.groups.begin(), user.groups.end()), user.groups.end());
  std::erase(user.groups, user.gid);
  return user;
}

}  // namespace rcrt
