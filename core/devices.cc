// SPDX-License-Identifier: MIT
#include "core/devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>

#include "core/run_options.h"

namespace rcrt {
namespace {

Json node(const std::string& path, const struct stat& st) {
  return {{"path", path},
          {"type", S_ISBLK(st.st_mode) ? "b" : "c"},
          {"major", major(st.st_rdev)},
          {"minor", minor(st.st_rdev)},
          {"fileMode", st.st_mode & 07777},
          {"uid", st.st_uid},
          {"gid", st.st_gid}};
}

bool valid_access(const std::string& access) {
  return !access.empty() && access.find_first_not_of("rwm") == std::string::npos;
}

void collect(int dir, const std::string& path, Json& list) {
  DIR* entries = fdopendir(dir);
  if (entries == nullptr) return;
  while (dirent* entry = readdir(entries)) {
    std::string name = entry->d_name;
    struct stat st;
    if (name[0] == '.' || fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    std::string full = path + "/" + name;
    // The container has these from its own mounts.
    if (full == "/dev/pts" || full == "/dev/shm" || full == "/dev/mqueue" || full == "/dev/console" ||
        full == "/dev/ptmx")
      continue;
    if (S_ISDIR(st.st_mode)) {
      int child = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
      if (child >= 0) collect(child, full, list);
    } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
      list.push_back(node(full, st));
    }
  }
  closedir(entries);
}

}  // namespace

Result<std::vector<DeviceEntry>> describe_devices(const std::string& text) {
  auto parts = split_words(text, ':');
  std::string inside = parts[0];
  std::string access = "rwm";
  if (parts.size() == 2 && valid_access(parts[1]))
    access = parts[1];
  else if (parts.size() >= 2)
    inside = parts[1];
  if (parts.size() == 3) access = parts[2];
  if (parts.size() > 3 || !valid_access(access) || inside.empty() || inside[0] != '/')
    return error("invalid device", text, "write it as HOST[:CONTAINER[:rwm]]", EINVAL);
  struct stat st;
  if (stat(parts[0].c_str(), &st) != 0) return errno_error("cannot find device", parts[0]);
  Json nodes = Json::array();
  if (S_ISDIR(st.st_mode)) {
    int folder = open(parts[0].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno_error("cannot open", parts[0]);
    collect(folder, inside, nodes);
  } else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
    nodes.push_back(node(inside, st));
  }
  if (nodes.empty()) return error("no device node", parts[0], "to share a file or folder use -v", EINVAL);
  std::vector<DeviceEntry> entries;
  for (const Json& device : nodes)
    entries.push_back({device,
                       {{"allow", true},
                        {"type", device["type"]},
                        {"major", device["major"]},
                        {"minor", device["minor"]},
                        {"access", access}}});
  return entries;
}

Result<Json> parse_device_rule(const std::string& text) {
  auto wrong = [&] {
    return error("invalid device rule", text, "write it as \"c 1:3 rwm\": type a, b or c, MAJOR:MINOR or *",
                 EINVAL);
  };
  auto words = split_words(text, ' ');
  if (words.size() != 3 || words[0].size() != 1 || std::string("abc").find(words[0]) == std::string::npos ||
      !valid_access(words[2]))
    return wrong();
  auto numbers = split_words(words[1], ':');
  if (numbers.size() != 2) return wrong();
  Json rule = {{"allow", true}, {"type", words[0]}, {"access", words[2]}};
  const char* names[] = {"major", "minor"};
  for (size_t i = 0; i < 2; ++i) {
    if (numbers[i] == "*") continue;
    unsigned value = 0;
    auto [end, code] = std::from_chars(numbers[i].data(), numbers[i].data() + numbers[i].size(), value);
    if (code != std::errc() || end != numbers[i].data() + numbers[i].size()) return wrong();
    rule[names[i]] = value;
  }
  return rule;
}

Json host_devices() {
  Json list = Json::array();
  int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dev >= 0) collect(dev, "/dev", list);
  return list;
}

}  // namespace rcrt
