// SPDX-License-Identifier: MIT
#include "core/image_store.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/oci_layout.h"
#include "base/unique_fd.h"

namespace rcrt {
namespace {

constexpr uint64_t kLargestIndex = 64 << 20;
constexpr uint64_t kLargestDocument = 8 << 20;  // manifest, configuration
constexpr size_t kLinkName = 7;
constexpr size_t kShortestPrefix = 4;
constexpr const char* kMakeImageHint = "see `rcrt images`, or make it with `rcrt import ROOTFS.tar NAME`";

// A whole regular file of at most `limit` bytes.
Result<std::string> read_file(const std::string& path, uint64_t limit) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
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

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot write", path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

std::string_view machine_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this architecture as Go does"
#endif
}

std::string images_dir(const std::string& root) { return root + "/images"; }

// The descriptors of index.json; none when there is no store yet.
Result<std::vector<Descriptor>> read_index(const std::string& root) {
  const std::string path = images_dir(root) + "/index.json";
  auto text = read_file(path, kLargestIndex);
  if (!text && text.error().code == ENOENT) return std::vector<Descriptor>();
  if (!text) return std::unexpected(text.error());
  RCRT_ASSIGN(Json json, parse_object(*text, path));
  auto index = parse_index(json);
  if (!index) return wrap(index.error(), "cannot use", path);
  return index;
}

Result<Json> read_blob(const std::string& root, const Descriptor& descriptor) {
  const std::string path = images_dir(root) + "/blobs/sha256/" + descriptor.digest.substr(7);
  auto text = read_file(path, kLargestDocument);
  if (!text) return wrap(text.error(), "incomplete image, missing", descriptor.digest);
  if (text->size() != descriptor.size)
    return error("damaged image, wrong size of", path, "import it again", EBADMSG);
  return parse_object(*text, path);
}

struct FoundManifest {
  Descriptor descriptor;
  Manifest manifest;
};

// The manifest of an entry; of a multi-platform index, the one for this machine.
Result<FoundManifest> read_manifest(const std::string& root, Descriptor descriptor) {
  RCRT_ASSIGN(Json json, read_blob(root, descriptor));
  if (is_index_type(descriptor.media_type)) {
    RCRT_ASSIGN(auto entries, parse_index(json));
    auto mine = std::ranges::find_if(entries, [](const Descriptor& d) {
      return !is_index_type(d.media_type) && d.os == "linux" && d.architecture == machine_architecture();
    });
    if (mine == entries.end())
      return error("no image for this machine in the index", descriptor.digest, {}, ENOENT);
    descriptor = *mine;
    RCRT_ASSIGN(json, read_blob(root, descriptor));
  }
  RCRT_ASSIGN(Manifest manifest, parse_manifest(json));
  return FoundManifest{std::move(descriptor), std::move(manifest)};
}

// The short link to layers/<hex>. Its name is seven digits of the hex, from wherever in
// it they collide with no other layer's: see image-oci, which makes it.
Result<std::string> find_link(const std::string& root, const std::string& hex) {
  const std::string wanted = "../" + hex;
  for (size_t at = 0; at + kLinkName <= hex.size(); ++at) {
    std::string link = "l/" + hex.substr(at, kLinkName);
    char target[PATH_MAX];
    const ssize_t n = readlink((root + "/layers/" + link).c_str(), target, sizeof target);
    if (n >= 0 && std::string_view(target, static_cast<size_t>(n)) == wanted) return link;
  }
  return error("layer not unpacked", "sha256:" + hex, "import the image again", ENODATA);
}

// An image's name with the digest cut off: "docker.io/library/busybox:latest".
std::string without_digest(const std::string& name) { return name.substr(0, name.find('@')); }

std::string repository(const std::string& name) {
  const std::string tagged = without_digest(name);
  const size_t slash = tagged.rfind('/');
  const size_t colon = tagged.find(':', slash == std::string::npos ? 0 : slash);
  return tagged.substr(0, colon);
}

// Whether a stored name is the one meant. Others' tools may have stored a short one.
bool is_named(const Descriptor& entry, const std::string& reference,
              const std::optional<std::string>& normalized) {
  if (entry.name.empty()) return false;
  if (entry.name == reference) return true;
  if (!normalized) return false;
  auto stored = normalize_reference(entry.name);
  if (!stored) return false;
  if (*stored == *normalized) return true;  // also under the digest of an index it was chosen from
  const size_t at = normalized->find('@');
  if (at == std::string::npos) return false;
  return entry.digest == normalized->substr(at + 1) && repository(*stored) == repository(*normalized);
}

std::optional<std::string> normalized_or_none(const std::string& reference) {
  auto normalized = normalize_reference(reference);
  return normalized ? std::optional(std::move(*normalized)) : std::nullopt;
}

// The hex digits of an id or a prefix of one; empty when the reference is no id.
std::string id_prefix(const std::string& reference) {
  const bool qualified = reference.starts_with("sha256:");
  std::string hex = qualified ? reference.substr(7) : reference;
  if (hex.size() < kShortestPrefix || hex.size() > 64) return {};
  const bool good =
      std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return good ? hex : std::string();
}

std::unexpected<Error> no_such_image(const std::string& reference) {
  auto failure = error("no such image", reference, kMakeImageHint, ENOENT);
  return failure;
}

// The entry meant by name, else by id.
Result<Descriptor> find_entry(const std::string& root, const std::vector<Descriptor>& index,
                              const std::string& reference) {
  const auto normalized = normalized_or_none(reference);
  for (const Descriptor& entry : index)
    if (is_named(entry, reference, normalized)) return entry;
  const std::string prefix = id_prefix(reference);
  if (prefix.empty()) {
    if (!normalized) {
      auto invalid = normalize_reference(reference);
      return std::unexpected(invalid.error());
    }
    return no_such_image(reference);
  }
  const Descriptor* found = nullptr;
  std::string found_id;
  for (const Descriptor& entry : index) {
    auto manifest = read_manifest(root, entry);
    if (!manifest) continue;  // a broken image has no id to be found by
    const std::string& id = manifest->manifest.config.digest;
    if (!id.substr(7).starts_with(prefix) || id == found_id) continue;
    if (found != nullptr) return error("ambiguous image id", reference, "give more digits", EINVAL);
    found = &entry;
    found_id = id;
  }
  if (found == nullptr) return no_such_image(reference);
  return *found;
}

}  // namespace

ImageStore::ImageStore(std::string root) : root_(std::move(root)) {}

std::string ImageStore::layers_dir() const { return root_ + "/layers"; }

Result<Image> ImageStore::resolve(const std::string& reference) const {
  RCRT_ASSIGN(auto index, read_index(root_));
  RCRT_ASSIGN(Descriptor entry, find_entry(root_, index, reference));
  auto read = [&]() -> Result<Image> {
    RCRT_ASSIGN(FoundManifest found, read_manifest(root_, entry));
    Image image;
    image.name = entry.name;
    image.digest = found.descriptor.digest;
    image.id = found.manifest.config.digest;
    RCRT_ASSIGN(image.config, read_blob(root_, found.manifest.config));
    RCRT_ASSIGN(image.diff_ids, parse_diff_ids(image.config));
    if (image.diff_ids.size() != found.manifest.layers.size())
      return error("manifest and configuration disagree about the layers", image.digest, {}, EBADMSG);
    for (auto hex = image.diff_ids.rbegin(); hex != image.diff_ids.rend(); ++hex) {
      RCRT_ASSIGN(std::string link, find_link(root_, *hex));
      image.layers.push_back(std::move(link));
    }
    return image;
  };
  auto image = read();
  if (!image) return wrap(image.error(), "cannot use image", reference);
  return image;
}

Result<std::vector<ImageSummary>> ImageStore::list() const {
  RCRT_ASSIGN(auto index, read_index(root_));
  std::vector<ImageSummary> images;
  for (const Descriptor& entry : index) {
    ImageSummary summary;
    summary.name = entry.name;
    summary.digest = entry.digest;
    // A broken image is listed, without an id, so that it can be seen and removed.
    if (auto found = read_manifest(root_, entry)) {
      summary.digest = found->descriptor.digest;
      summary.id = found->manifest.config.digest;
      for (const Descriptor& layer : found->manifest.layers) summary.size += layer.size;
      if (auto config = read_blob(root_, found->manifest.config))
        if (auto created = config->find("created"); created != config->end() && created->is_string())
          summary.created = parse_time(created->get<std::string>());
    }
    images.push_back(std::move(summary));
  }
  return images;
}

Result<void> ImageStore::untag(const std::string& reference) {
  const std::string path = images_dir(root_) + "/index.json";
  const std::string lock_path = images_dir(root_) + "/.lock";
  UniqueFd lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock && errno == ENOENT) return no_such_image(reference);
  if (!lock) return errno_error("cannot open", lock_path);
  while (flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("cannot lock", lock_path);

  auto text = read_file(path, kLargestIndex);
  if (!text && text.error().code == ENOENT) return no_such_image(reference);
  if (!text) return std::unexpected(text.error());
  RCRT_ASSIGN(Json json, parse_object(*text, path));
  RCRT_ASSIGN(auto index, parse_index(json));
  RCRT_ASSIGN(Descriptor entry, find_entry(root_, index, reference));

  // By name one entry goes; by id every name of that image.
  const bool by_name = is_named(entry, reference, normalized_or_none(reference));
  std::string id;
  if (!by_name) {
    RCRT_ASSIGN(FoundManifest found, read_manifest(root_, entry));
    id = found.manifest.config.digest;
  }
  auto goes = [&](const Json& member) {
    auto candidate = parse_descriptor(member);
    if (!candidate) return false;
    if (by_name) return candidate->name == entry.name && candidate->digest == entry.digest;
    auto found = read_manifest(root_, *candidate);
    return found && found->manifest.config.digest == id;
  };
  Json kept = Json::array();
  for (const Json& member : json["manifests"])
    if (!goes(member)) kept.push_back(member);
  json["manifests"] = std::move(kept);

  const std::string temporary = images_dir(root_) + "/.index.json.new";
  UniqueFd out(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!out) return errno_error("cannot create", temporary);
  RCRT_TRY(write_all(out.get(), json.dump(-1, ' ', false, Json::error_handler_t::replace), temporary));
  if (fsync(out.get()) != 0) return errno_error("cannot sync", temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) return errno_error("cannot rename", temporary);
  UniqueFd dir(open(images_dir(root_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || fsync(dir.get()) != 0) return errno_error("cannot sync", images_dir(root_));
  return {};
}

}  // namespace rcrt
