// SPDX-License-Identifier: MIT
// images/.names as anybody may have left it: what is found in it is well-formed, and found again.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>

#include "base/image_names.h"
#include "base/unique_fd.h"

namespace {

void require(bool holds) {
  if (!holds) abort();
}

// A store's images/ with an index.json that is old enough for its .names to be believed.
struct Images {
  Images() {
    char name[] = "/tmp/names-fuzz.XXXXXX";
    require(mkdtemp(name) != nullptr);
    path = name;
    std::ofstream(path + "/index.json") << R"({"schemaVersion":2,"manifests":[]})";
    fd.reset(open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat info{};
    require(fd && fstatat(fd.get(), "index.json", &info, 0) == 0);
    auto time = [](const timespec& t) { return std::to_string(t.tv_sec * 1'000'000'000 + t.tv_nsec); };
    stamp = "rcrt-names 1 " + std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
            time(info.st_mtim) + " " + time(info.st_ctim) + " ";
  }
  ~Images() {
    for (const char* name : {"index.json", ".names", ".lock"}) unlinkat(fd.get(), name, 0);
    rmdir(path.c_str());
  }

  std::string path, stamp;
  rcrt::UniqueFd fd;
};

void look_through(const rcrt::ImageNames& names) {
  for (const rcrt::ImageEntry& entry : names.all()) {
    require(rcrt::is_sha256_digest(entry.descriptor.digest));
    (void)names.find(entry.key);
    (void)names.named(entry.key);
    if (entry.id.size() > 7) (void)names.with_id(entry.id.substr(7));
  }
  (void)names.with_id("");
}

}  // namespace

// The first two bytes: how long the names are that come before the ids; after a header that index.json's
// times demand.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const Images images;
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  constexpr size_t kDigits = 8;
  std::string ids =
      std::to_string(images.stamp.size() + kDigits + 1 + (static_cast<size_t>(bytes[0]) << 8 | bytes[1]));
  ids.insert(0, kDigits - ids.size(), '0');
  std::ofstream(images.path + "/.names", std::ios::binary) << images.stamp << ids << "\n" << text;
  auto names = rcrt::ImageNames::load(images.fd.get());
  require(names.has_value());
  look_through(*names);
  return 0;
}
