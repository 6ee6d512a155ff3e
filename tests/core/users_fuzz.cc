// SPDX-License-Identifier: MIT
// An image's /etc/passwd and /etc/group are whatever its author wrote.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/unique_fd.h"
#include "core/users.h"

namespace {

// A root with two databases, rewritten for each input.
struct Root {
  Root() {
    char name[] = "/tmp/users-fuzz.XXXXXX";
    if (mkdtemp(name) == nullptr) abort();
    fd.reset(open(name, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd || mkdirat(fd.get(), "etc", 0700) != 0) abort();
    rmdir_path = name;
  }
  void write(const char* path, const char* data, size_t size) const {
    rcrt::UniqueFd file(openat(fd.get(), path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) abort();
  }
  ~Root() {
    unlinkat(fd.get(), "etc/passwd", 0);
    unlinkat(fd.get(), "etc/group", 0);
    unlinkat(fd.get(), "etc", AT_REMOVEDIR);
    rmdir(rmdir_path.c_str());
  }

  rcrt::UniqueFd fd;
  std::string rmdir_path;
};

}  // namespace

// The first line is --user, what is before the next NUL passwd, the rest group.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const Root root;
  std::string text(reinterpret_cast<const char*>(bytes), size);
  std::string user = text.substr(0, text.find('\n'));
  std::string rest = text.substr(std::min(user.size() + 1, text.size()));
  std::string passwd = rest.substr(0, rest.find('\0'));
  std::string group = rest.substr(std::min(passwd.size() + 1, rest.size()));
  root.write("etc/passwd", passwd.data(), passwd.size());
  root.write("etc/group", group.data(), group.size());
  auto resolved = rcrt::resolve_user(root.fd.get(), user, {"tape"});
  // No file makes a number of ours that the kernel takes for another.
  if (resolved && (resolved->uid > 0x7fffffff || resolved->gid > 0x7fffffff)) abort();
  if (resolved && resolved->home[0] != '/') abort();
  return 0;
}
