// SPDX-License-Identifier: MIT
// A layer from anywhere: read with small limits, and unpacked where the rest of the machine
// is not. Nothing may appear outside the folder.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "base/tree.h"
#include "plugins/image-oci/archive_reader.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/unpack_tree.h"

using namespace rcrt::image_oci;

namespace {

void require(bool holds) {
  if (!holds) abort();
}

constexpr Limits kLimits = {.entries = 64,
                            .path_bytes = 512,
                            .file_bytes = 1 << 16,
                            .total_bytes = 1 << 20,
                            .ratio = 100,
                            .ratio_free_bytes = 1 << 16,
                            .window_bytes = 1 << 20,
                            .xattr_bytes = 4096,
                            .directory_bytes = 1 << 16};

// A descriptor of its own for each reader: a blob closes what it was given.
BlobFile blob_of(const uint8_t* data, size_t size) {
  rcrt::UniqueFd file(memfd_create("layer", MFD_CLOEXEC));
  require(file && write_full(file.get(), data, size));
  return BlobFile(std::move(file), size, true);
}

// A folder that holds "root", where layers go, and nothing else.
struct Folder {
  Folder() {
    char name[] = "/tmp/layer-fuzz.XXXXXX";
    require(mkdtemp(name) != nullptr);
    path = name;
    fd.reset(open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    require(static_cast<bool>(fd));
  }
  ~Folder() { (void)rcrt::remove_tree(path.c_str()); }

  std::string path;
  rcrt::UniqueFd fd;
};

void read_all(BlobFile blob) {
  LayerStream stream(blob, kLimits);
  ArchiveReader reader(stream, kLimits);
  if (!reader.open()) return;
  Entry entry;
  uint64_t total = 0;
  for (auto more = reader.next(entry); more && *more; more = reader.next(entry)) {
    require(!entry.path.starts_with('/') && ("/" + entry.path + "/").find("/../") == std::string::npos);
    require(entry.size <= kLimits.file_bytes);
    if (entry.type != S_IFREG) continue;
    const void* data = nullptr;
    size_t size = 0;
    uint64_t offset = 0;
    for (auto piece = reader.data(&data, &size, &offset); piece && *piece;
         piece = reader.data(&data, &size, &offset)) {
      require(offset + size <= kLimits.file_bytes);
      require((total += size) <= kLimits.total_bytes);
    }
  }
  (void)stream.finish();
}

void unpack(BlobFile blob, Whiteouts whiteouts) {
  static const Folder folder;
  require(mkdirat(folder.fd.get(), "root", 0700) == 0);
  auto root = make_directory(folder.fd.get(), "root");
  require(root.has_value());
  LayerStream stream(blob, kLimits);
  (void)unpack_tree(stream, root->get(), whiteouts, kLimits);
  auto names = names_in(folder.fd.get());
  require(names && *names == std::vector<std::string>{"root"});
  fchmod(root->get(), 0700);
  require(rcrt::remove_tree(folder.fd.get(), "root").has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read_all(blob_of(data, size));
  unpack(blob_of(data, size), Whiteouts::kOverlay);
  unpack(blob_of(data, size), Whiteouts::kApply);
  return 0;
}
