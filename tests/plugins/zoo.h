// SPDX-License-Identifier: MIT
// A plugin folder of the test's own, and what the process holds at a moment.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace rcrt::zoo {

// Built plugins, in the test's runfiles (there they are links; here a folder has copies).
inline std::filesystem::path built(const std::string& path) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  return std::filesystem::path(runfiles ? runfiles : ".") / "rcrt" / path;
}

class Folder {
 public:
  Folder() {
    const char* tmp = std::getenv("TEST_TMPDIR");
    std::string pattern = std::string(tmp ? tmp : "/tmp") + "/plugins.XXXXXX";
    path_ = mkdtemp(pattern.data()) ? pattern : "";
    EXPECT_FALSE(path_.empty());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // Copies a built plugin here, 0644.
  std::string add(const std::string& source, const std::string& name) const {
    std::filesystem::copy_file(built(source), file(name));
    chmod(file(name).c_str(), 0644);
    return file(name);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    chmod(file(name).c_str(), 0644);
    return file(name);
  }

 private:
  std::string path_;
};

// What a failed plugin must leave as it was: descriptors, mapped files, place, mask.
struct Snapshot {
  std::map<std::string, std::string> fds;
  std::map<std::string, int> mapped;  // files of `folder`
  std::string cwd;
  mode_t mask;

  explicit Snapshot(const std::string& folder) : cwd(std::filesystem::current_path()) {
    mask = umask(0);
    umask(mask);
    DIR* dir = opendir("/proc/self/fd");
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == dirfd(dir)) continue;
      std::error_code ec;
      fds[entry->d_name] = std::filesystem::read_symlink(std::string("/proc/self/fd/") + entry->d_name, ec);
    }
    closedir(dir);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
      if (size_t at = line.find(folder); at != line.npos) ++mapped[line.substr(at)];
  }
  bool operator==(const Snapshot&) const = default;
};

inline void PrintTo(const Snapshot& s, std::ostream* out) {
  for (const auto& [n, to] : s.fds) *out << "fd " << n << " -> " << to << "\n";
  for (const auto& [file, n] : s.mapped) *out << "mapped " << file << "\n";
}

}  // namespace rcrt::zoo
