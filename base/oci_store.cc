// SPDX-License-Identifier: MIT
#include "base/oci_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rcrt {

Result<UniqueFd> lock_file(int folder, const char* name, int operation) {
  UniqueFd fd(openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot open the lock of the image store");
  while (flock(fd.get(), operation) != 0)
    if (errno != EINTR) return errno_error("cannot lock the image store");
  return fd;
}

Result<UniqueFd> open_images(const std::string& root) {
  const std::string path = root + "/images";
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open the image store", path);
  return fd;
}

Result<std::string> read_store_file(int images, const std::string& path, uint64_t limit) {
  UniqueFd fd(openat(images, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno_error("cannot open", path);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return errno_error("cannot stat", path);
  if (!S_ISREG(info.st_mode)) return error("not a regular file", path, {}, EBADMSG);
  if (static_cast<uint64_t>(info.st_size) > limit) return error("too large", path, {}, EFBIG);
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = read(fd.get(), text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read", path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  text.resize(have);
  return text;
}

Result<Json> read_store_document(int images, const Descriptor& descriptor) {
  auto text = read_store_file(images, "blobs/sha256/" + descriptor.digest.substr(7), kLargestDocument);
  if (!text) return wrap(text.error(), "incomplete image, missing", descriptor.digest);
  if (text->size() != descriptor.size)
    return error("damaged image, wrong size of", descriptor.digest, "import it again", EBADMSG);
  return parse_object(*text, descriptor.digest);
}

Result<MachineManifest> read_machine_manifest(int images, Descriptor descriptor) {
  RCRT_ASSIGN(Json json, read_store_document(images, descriptor));
  if (is_index_type(descriptor.media_type)) {
    RCRT_ASSIGN(auto entries, parse_index(json));
    const Descriptor* const mine = for_this_machine(entries);
    if (mine == nullptr)
      return error("no image for this machine in the index", descriptor.digest, {}, ENOENT);
    descriptor = *mine;
    RCRT_ASSIGN(json, read_store_document(images, descriptor));
  }
  RCRT_ASSIGN(Manifest manifest, parse_manifest(json));
  return MachineManifest{std::move(descriptor), std::move(manifest)};
}

}  // namespace rcrt
