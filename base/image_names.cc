// SPDX-License-Identifier: MIT
#include "base/image_names.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "base/image_lines.h"
#include "base/image_reference.h"
#include "base/oci_store.h"
#include "base/unique_fd.h"

// The file:
//   rcrt-names 1 <inode> <size> <mtime> <ctime> <offset of the ids>\n
//   lines as in image_lines.h, sorted
//   <hex of the id> <offset of its line>\n   sorted

namespace rcrt {
namespace {

constexpr const char* kFile = ".names";
constexpr const char* kTemporary = ".names.new";
// A file written less than this ago may be written again without its times showing it.
constexpr int64_t kUnsure = 100'000'000;

int64_t nanoseconds(const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; }

std::string stamp_of(const struct stat& info) {
  return std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
         std::to_string(nanoseconds(info.st_mtim)) + " " + std::to_string(nanoseconds(info.st_ctim));
}

// Where the first line of `lines` (sorted) begins that is not less than `key`.
size_t lower_bound(std::string_view lines, std::string_view key) {
  size_t low = 0, high = lines.size();
  while (low < high) {
    // The line that the middle is in.
    const size_t newline = lines.rfind('\n', low + (high - low) / 2);
    size_t begin = newline == lines.npos || newline + 1 < low ? low : newline + 1;
    if (begin >= high) begin = low;
    const std::string_view line = lines.substr(begin, lines.find('\n', begin) - begin);
    if (line < key)
      low = begin + line.size() + 1;
    else
      high = begin;
  }
  return low;
}

// The lines from `at` on that begin with `prefix`.
template <typename Take>
void each_with_prefix(std::string_view lines, std::string_view prefix, Take take) {
  for (size_t at = lower_bound(lines, prefix); at < lines.size();) {
    const std::string_view line = lines.substr(at, lines.find('\n', at) - at);
    if (!line.starts_with(prefix)) return;
    take(line);
    at += line.size() + 1;
  }
}

// What an earlier file said. What a manifest says never changes: that is taken from there.
class Before {
 public:
  explicit Before(std::string_view lines) {
    for (size_t at = 0; at < lines.size();) {
      const std::string_view line = lines.substr(at, lines.find('\n', at) - at);
      at += line.size() + 1;
      const auto fields = split_line(line);
      if (!fields || (*fields)[kIdField].empty()) continue;
      const std::string_view digest = (*fields)[kDigestField], name = (*fields)[kNameField];
      by_fields_.emplace(std::string_view(digest.begin(), name.end()), line);
      by_digest_.emplace(digest, line);
    }
  }
  // Of the same name.
  std::optional<std::string_view> line(const Descriptor& descriptor) const {
    auto it = by_fields_.find(own_fields(descriptor));
    return it == by_fields_.end() ? std::nullopt : std::optional(it->second);
  }
  // Of whatever name.
  std::optional<ImageEntry> entry(const std::string& digest) const {
    auto it = by_digest_.find(digest);
    return it == by_digest_.end() ? std::nullopt : entry_of(it->second);
  }

 private:
  std::unordered_map<std::string_view, std::string_view> by_fields_, by_digest_;
};

// What cannot be read is left out: the entry is there all the same, to be seen and removed.
void describe(int images, ImageEntry& entry) {
  entry.digest = entry.descriptor.digest;
  auto found = read_machine_manifest(images, entry.descriptor);
  if (!found) return;
  entry.digest = found->descriptor.digest;
  entry.id = found->manifest.config.digest;
  for (const Descriptor& layer : found->manifest.layers) entry.size += layer.size;
  if (auto config = read_store_document(images, found->manifest.config))
    if (auto created = config->find("created"); created != config->end() && created->is_string())
      entry.created = parse_time(created->get<std::string>());
}

Result<void> write_names(int images, std::string_view text) {
  UniqueFd fd(openat(images, kTemporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot create", kTemporary);
  while (!text.empty()) {
    const ssize_t n = write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      auto failure = errno_error("cannot write", kTemporary);
      unlinkat(images, kTemporary, 0);
      return failure;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(fd.get()) != 0) return errno_error("cannot sync", kTemporary);
  if (renameat(images, kTemporary, images, kFile) != 0) return errno_error("cannot rename", kTemporary);
  return {};
}

}  // namespace

std::string image_key(const std::string& name) {
  auto normalized = normalize_reference(name);
  return normalized ? *normalized : name;
}

bool ImageNames::parse_header(std::string_view stamp) {
  const size_t end = text_.find('\n');
  if (end == text_.npos) return false;
  std::string_view header = text_.substr(0, end);
  const std::string expected = "rcrt-names 1 ";
  if (!header.starts_with(expected)) return false;
  header.remove_prefix(expected.size());
  if (!stamp.empty() && (!header.starts_with(stamp) || header.substr(stamp.size(), 1) != " ")) return false;
  const size_t last = header.rfind(' ');
  const size_t ids = number_of<size_t>(header.substr(last + 1));
  if (last == header.npos || ids <= end || ids > text_.size()) return false;
  names_ = text_.substr(end + 1, ids - end - 1);
  ids_ = text_.substr(ids);
  return (names_.empty() || names_.ends_with('\n')) && (ids_.empty() || ids_.ends_with('\n'));
}

// With an empty stamp, whatever index.json it is of.
std::optional<ImageNames> ImageNames::open_file(int images, std::string_view stamp) {
  UniqueFd fd(openat(images, kFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!fd || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return {};
  const auto size = static_cast<size_t>(info.st_size);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return {};
  ImageNames names;
  names.owner_ =
      std::shared_ptr<const void>(mapped, [size](const void* p) { munmap(const_cast<void*>(p), size); });
  names.text_ = std::string_view(static_cast<const char*>(mapped), size);
  if (!names.parse_header(stamp)) return {};
  return names;
}

Result<ImageNames> ImageNames::build(int images, const std::string& stamp) {
  RCRT_ASSIGN(const std::string index_text, read_store_file(images, "index.json", kLargestIndex));
  RCRT_ASSIGN(const Json index, parse_object(index_text, "index.json"));
  return build(images, stamp, index);
}

Result<ImageNames> ImageNames::build(int images, const std::string& stamp, const Json& json) {
  auto index = parse_index(json);
  if (!index) return wrap(index.error(), "cannot use", "index.json");
  const auto old = open_file(images, {});
  const Before before(old ? old->names_ : std::string_view());
  std::vector<std::string> lines;
  lines.reserve(index->size());
  for (Descriptor& descriptor : *index) {
    if (const auto line = before.line(descriptor)) {
      lines.push_back(std::string(*line) + "\n");
      continue;
    }
    auto known = before.entry(descriptor.digest);
    ImageEntry entry = known ? std::move(*known) : ImageEntry();
    entry.descriptor = std::move(descriptor);
    entry.key = entry.descriptor.name.empty() ? "" : image_key(entry.descriptor.name);
    if (!known) describe(images, entry);
    lines.push_back(line_of(entry));
  }
  std::ranges::stable_sort(
      lines, {}, [](const std::string& line) { return std::string_view(line).substr(0, line.find('\t')); });

  std::string names;
  std::vector<std::pair<std::string, size_t>> ids;  // hex, where its line begins
  for (const std::string& line : lines) {
    if (const auto fields = split_line(line); fields && (*fields)[kIdField].size() > 7)
      ids.emplace_back((*fields)[kIdField].substr(7), names.size());
    names += line;
  }
  std::ranges::sort(ids);
  // The header's length depends on the offset in it.
  std::string header;
  for (size_t length = 0;; length = header.size()) {
    header = "rcrt-names 1 " + stamp + " " + std::to_string(length + names.size()) + "\n";
    if (header.size() == length) break;
  }
  auto text = std::make_shared<std::string>(header + names);
  for (const auto& [hex, at] : ids) *text += hex + " " + std::to_string(at) + "\n";
  ImageNames built;
  built.text_ = *text;
  built.owner_ = std::move(text);
  if (!built.parse_header(stamp)) return error("cannot use", "index.json", {}, EBADMSG);
  return built;
}

Result<ImageNames> ImageNames::load(int images) {
  struct stat info{};
  if (fstatat(images, "index.json", &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return ImageNames();
    return errno_error("cannot stat", "index.json");
  }
  const std::string stamp = stamp_of(info);
  if (auto names = open_file(images, stamp)) return std::move(*names);
  RCRT_ASSIGN(ImageNames names, build(images, stamp));
  // Kept for the next time, unless index.json is so new that it may still change unseen,
  // or somebody is changing it.
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (nanoseconds(now) - nanoseconds(info.st_mtim) < kUnsure) return names;
  const UniqueFd lock(openat(images, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  struct stat after{};
  if (!lock || flock(lock.get(), LOCK_EX | LOCK_NB) != 0 ||
      fstatat(images, "index.json", &after, AT_SYMLINK_NOFOLLOW) != 0 || stamp_of(after) != stamp)
    return names;
  if (auto written = write_names(images, names.text_); !written) return names;  // it is a cache only
  return names;
}

Result<void> ImageNames::refresh(int images, const Json& index, const timespec& written) {
  struct stat info{};
  if (fstatat(images, "index.json", &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("cannot stat", "index.json");
  if (nanoseconds(info.st_mtim) != nanoseconds(written)) return {};
  RCRT_ASSIGN(const ImageNames names, build(images, stamp_of(info), index));
  return write_names(images, names.text_);
}

std::optional<ImageEntry> ImageNames::find(std::string_view key) const {
  std::optional<ImageEntry> found;
  if (key.empty()) return found;
  each_with_prefix(names_, escape_field(key) + "\t", [&](std::string_view line) {
    if (!found) found = entry_of(line);
  });
  return found;
}

std::vector<ImageEntry> ImageNames::named(std::string_view name) const {
  std::vector<ImageEntry> found;
  if (name.empty()) return found;
  for (const char* after : {"\t", ":", "@"})
    each_with_prefix(names_, escape_field(name) + after, [&](std::string_view line) {
      if (auto entry = entry_of(line)) found.push_back(std::move(*entry));
    });
  return found;
}

std::vector<ImageEntry> ImageNames::with_id(std::string_view prefix) const {
  std::vector<ImageEntry> found;
  each_with_prefix(ids_, prefix, [&](std::string_view line) {
    const size_t at = number_of<size_t>(line.substr(line.find(' ') + 1));
    if (at >= names_.size()) return;
    if (auto entry = entry_of(names_.substr(at, names_.find('\n', at) - at)))
      found.push_back(std::move(*entry));
  });
  return found;
}

std::vector<ImageEntry> ImageNames::all() const {
  std::vector<ImageEntry> entries;
  for (size_t at = 0; at < names_.size();) {
    const std::string_view line = names_.substr(at, names_.find('\n', at) - at);
    if (auto entry = entry_of(line)) entries.push_back(std::move(*entry));
    at += line.size() + 1;
  }
  return entries;
}

}  // namespace rcrt
