// SPDX-License-Identifier: MIT
#include "base/image_index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "base/image_names.h"
#include "base/image_reference.h"
#include "base/oci_store.h"

namespace rcrt {
namespace {

constexpr const char* kIndex = "index.json";
constexpr const char* kTemporary = ".index.json.new";
// Holds space for the next index.json and its .names.
constexpr const char* kReserve = ".reserve";

// The time it has from then on.
Result<timespec> write_temporary(int images, std::string_view text) {
  UniqueFd fd(openat(images, kTemporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return errno_error("cannot create", kTemporary);
  while (!text.empty()) {
    const ssize_t n = write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write the image store's", kIndex);
    text.remove_prefix(static_cast<size_t>(n));
  }
  // Another time than the kernel would give it: whoever writes the file later, if only a
  // moment, leaves a trace.
  timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[1] = times[0];
  if (futimens(fd.get(), times) != 0 || fsync(fd.get()) != 0)
    return errno_error("cannot sync the image store's", kIndex);
  return times[1];
}

// A failure is ignored: it only means that a full disk is less comfortable.
void keep_reserve(int images, size_t size) {
  const auto wanted = static_cast<off_t>(2 * size + (64 << 10));
  UniqueFd fd(openat(images, kReserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info{};
  if (!fd || fstat(fd.get(), &info) != 0 || info.st_size >= wanted) return;
  if (posix_fallocate(fd.get(), 0, wanted) != 0) unlinkat(images, kReserve, 0);
}

}  // namespace

Result<UniqueFd> lock_image_index(int images) { return lock_file(images, ".lock", LOCK_EX); }

Result<Json> read_image_index(int images) {
  auto text = read_store_file(images, kIndex, kLargestIndex);
  if (!text && text.error().code == ENOENT)
    return Json{{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", Json::array()}};
  if (!text) return std::unexpected(text.error());
  RCRT_ASSIGN(Json index, parse_object(*text, kIndex));
  if (auto checked = parse_index(index); !checked) return wrap(checked.error(), "cannot use", kIndex);
  return index;
}

Result<void> write_image_index(int images, const Json& index) {
  const std::string text = index.dump(-1, ' ', false, Json::error_handler_t::replace);
  auto written = write_temporary(images, text);
  if (!written && (written.error().code == ENOSPC || written.error().code == EDQUOT)) {
    unlinkat(images, kTemporary, 0);
    unlinkat(images, kReserve, 0);
    written = write_temporary(images, text);
  }
  if (!written) {
    unlinkat(images, kTemporary, 0);
    return std::unexpected(written.error());
  }
  fault_point("images: index written");
  if (renameat(images, kTemporary, images, kIndex) != 0) return errno_error("cannot rename", kTemporary);
  fault_point("images: index in place");
  if (fsync(images) != 0) return errno_error("cannot sync the image store");
  // Without .names, index.json itself is read.
  if (auto refreshed = ImageNames::refresh(images, index, *written); !refreshed) return {};
  fault_point("images: names in place");
  keep_reserve(images, text.size());
  return {};
}

void name_image(Json& index, const Json& descriptor, const std::string& name) {
  const std::string digest = descriptor.value("digest", "");
  const std::string key = image_key(name);
  std::vector<Json> nameless;
  drop_images(index, [&](const Json& entry) {
    auto other = parse_descriptor(entry);
    if (!other) return false;
    if (name.empty() || other->name.empty()) return other->digest == digest && other->name.empty();
    if (image_key(other->name) != key) return false;
    if (other->digest != digest) nameless.push_back(entry);
    return true;
  });
  const auto has_name_left = [&](const std::string& other) {
    return std::ranges::any_of(index["manifests"],
                               [&](const Json& entry) { return entry.value("digest", "") == other; });
  };
  for (Json& entry : nameless) {
    if (has_name_left(entry.value("digest", ""))) continue;
    entry["annotations"].erase(kRefName);
    index["manifests"].push_back(std::move(entry));
  }
  Json added = descriptor;
  if (name.empty()) {
    if (has_name_left(digest)) return;
    if (added.contains("annotations")) added["annotations"].erase(kRefName);
  } else {
    added["annotations"][kRefName] = name;
  }
  index["manifests"].push_back(std::move(added));
}

}  // namespace rcrt
