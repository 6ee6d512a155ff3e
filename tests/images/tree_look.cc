// SPDX-License-Identifier: MIT
#include "tests/images/tree_look.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

namespace rcrt::test {

namespace fs = std::filesystem;

std::map<std::string, std::string> look(const std::string& top) {
  std::map<std::string, std::string> seen;
  std::map<ino_t, std::string> first;
  auto add = [&](const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return;
    const std::string name = path.substr(top.size());
    std::string line = std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + ":" +
                       std::to_string(info.st_gid) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
                       std::to_string(info.st_mtim.tv_nsec) + " " + std::to_string(info.st_rdev);
    if (S_ISLNK(info.st_mode)) line += " -> " + fs::read_symlink(path).string();
    if (S_ISREG(info.st_mode)) {
      std::ifstream in(path, std::ios::binary);
      line += " " + std::string(std::istreambuf_iterator<char>(in), {});
      line += " = " + first.emplace(info.st_ino, name).first->second;
    }
    char value[256];
    for (const char* attribute : {"user.note", "security.capability", "trusted.overlay.opaque"})
      if (const ssize_t size = ::lgetxattr(path.c_str(), attribute, value, sizeof value); size >= 0)
        line += std::string(" ") + attribute + "=" + std::string(value, static_cast<size_t>(size));
    seen[name] = line;
  };
  add(top);
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(top)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) add(path);
  return seen;
}

}  // namespace rcrt::test
