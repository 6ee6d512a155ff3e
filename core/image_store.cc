// SPDX-License-Identifier: MIT
#include "core/image_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

constexpr size_t kMaxIndex = 64 << 20;
constexpr size_t kMaxDocument = 8 << 20;  // a manifest or an image configuration
constexpr size_t kMaxLayers = 10000;
constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kHint = "see 'rcrt images'; bring one in with 'rcrt import ROOTFS.tar NAME'";
constexpr const char* kDamaged = "the image store is damaged: import the image again";

// A regular file's content, at most `limit` bytes.
Result<std::string> read_bounded(const std::string& path, size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error("cannot open", path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return errno_error("cannot examine", path);
  if (!S_ISREG(info.st_mode)) return error("not a regular file", path, kDamaged);
  if (static_cast<uint64_t>(info.st_size) > limit) return error("file too large", path, kDamaged, EFBIG);
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < text.size()) {
    ssize_t got = ::read(fd.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("cannot read", path);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

Result<Json> read_json(const std::string& path, size_t limit) {
  RCRT_ASSIGN(std::string text, read_bounded(path, limit));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return error("not a JSON object", path, kDamaged);
  return json;
}

// A member that is a string, or "".
std::string text_of(const Json& json, const char* member) {
  if (!json.is_object()) return {};
  auto it = json.find(member);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const Json& member_of(const Json& json, const char* member) {
  static const Json kNone;
  if (!json.is_object()) return kNone;
  auto it = json.find(member);
  return it == json.end() ? kNone : *it;
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The hex part of "sha256:<64 hex>".
Result<std::string> hex_of(const std::string& digest) {
  if (digest.size() != 71 || !digest.starts_with("sha256:") ||
      !is_lower_hex(std::string_view(digest).substr(7)))
    return error("not a SHA-256 digest", digest, kDamaged);
  return digest.substr(7);
}

// RFC 3339 to seconds since the epoch, 0 if it is not that.
int64_t parse_time(const std::string& text) {
  tm when{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &when);
  if (!end) return 0;
  int64_t seconds = ::timegm(&when);
  while (*end == '.' || (*end >= '0' && *end <= '9')) ++end;
  int hours = 0, minutes = 0;
  char sign = 0;
  if (std::sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
    seconds -= (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
  return seconds;
}

struct Descriptor {
  std::string digest;  // with "sha256:"
  std::string hex;
  uint64_t size = 0;
  std::string media_type;
};

Result<Descriptor> read_descriptor(const Json& json) {
  Descriptor descriptor;
  descriptor.digest = text_of(json, "digest");
  RCRT_ASSIGN(descriptor.hex, hex_of(descriptor.digest));
  const Json& size = member_of(json, "size");
  if (size.is_number_unsigned()) descriptor.size = size.get<uint64_t>();
  descriptor.media_type = text_of(json, "mediaType");
  return descriptor;
}

bool is_manifest(const std::string& type) {
  return type == "application/vnd.oci.image.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v2+json";
}
bool is_index(const std::string& type) {
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

std::string architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this architecture as Go does"
#endif
}

struct Manifest {
  Descriptor self, config;
  uint64_t layer_bytes = 0;
};

class Reader {
 public:
  explicit Reader(const std::string& root) : images_(root + "/images") {}

  // The descriptors of index.json; none when there is no store yet.
  Result<std::vector<Json>> entries() const {
    auto index = read_json(images_ + "/index.json", kMaxIndex);
    if (!index && index.error().code == ENOENT) return std::vector<Json>();
    if (!index) return std::unexpected(index.error());
    const Json& manifests = member_of(*index, "manifests");
    if (!manifests.is_array()) return error("no list of manifests in", images_ + "/index.json", kDamaged);
    return manifests.get<std::vector<Json>>();
  }

  Result<Json> blob(const Descriptor& descriptor) const {
    std::string path = images_ + "/blobs/sha256/" + descriptor.hex;
    auto json = read_json(path, kMaxDocument);
    if (!json && json.error().code == ENOENT) return error("a part of the image is missing", path, kDamaged);
    return json;
  }

  // From an entry of index.json; an index below it is resolved for this machine.
  Result<Manifest> manifest(const Json& entry, int depth = 0) const {
    Manifest manifest;
    RCRT_ASSIGN(manifest.self, read_descriptor(entry));
    RCRT_ASSIGN(Json json, blob(manifest.self));
    std::string type = text_of(json, "mediaType");
    if (type.empty()) type = manifest.self.media_type;
    // What says one thing in the index and another in itself could be read either way.
    if (is_manifest(type) != is_manifest(manifest.self.media_type) ||
        (json.contains("manifests") && json.contains("config")))
      return error("the manifest is ambiguous", manifest.self.digest, kDamaged);
    if (is_index(type)) {
      if (depth > 2) return error("indexes inside indexes inside indexes", manifest.self.digest);
      const Json& list = member_of(json, "manifests");
      for (const Json& item : list.is_array() ? list : Json::array()) {
        const Json& platform = member_of(item, "platform");
        if (text_of(platform, "os") == "linux" && text_of(platform, "architecture") == architecture())
          return this->manifest(item, depth + 1);
      }
      return error("the image has no variant for this machine, linux/" + architecture(),
                   manifest.self.digest);
    }
    if (!is_manifest(type)) return error("not an image manifest but " + type, manifest.self.digest);
    auto config = read_descriptor(member_of(json, "config"));
    if (!config) return wrap(config.error(), "cannot read the image manifest", manifest.self.digest);
    manifest.config = std::move(*config);
    const Json& layers = member_of(json, "layers");
    for (const Json& layer : layers.is_array() ? layers : Json::array()) {
      const Json& size = member_of(layer, "size");
      if (size.is_number_unsigned()) manifest.layer_bytes += size.get<uint64_t>();
    }
    return manifest;
  }

 private:
  std::string images_;
};

std::string name_of(const Json& entry) { return text_of(member_of(entry, "annotations"), kRefName); }

// The name as everything here compares it; others (skopeo, umoci) may store a short one.
std::string full_name_of(const Json& entry) {
  std::string name = name_of(entry);
  auto full = normalize_reference(name);
  return full ? *full : name;
}

// The digits of an id or of the beginning of one, or "".
std::string id_digits(const std::string& reference) {
  std::string digits = reference.starts_with("sha256:") ? reference.substr(7) : reference;
  return digits.size() >= 4 && digits.size() <= 64 && is_lower_hex(digits) ? digits : std::string();
}

Result<Json> find_entry(const Reader& reader, const std::vector<Json>& entries,
                        const std::string& reference) {
  auto full = normalize_reference(reference);
  std::string digits = id_digits(reference);
  if (!full && digits.empty()) return std::unexpected(full.error());
  if (full) {
    size_t at = full->find('@');
    for (const Json& entry : entries) {
      if (full_name_of(entry) == *full) return entry;
      // name@digest: the manifest with that digest, under any tag of that name.
      if (at != full->npos && text_of(entry, "digest") == full->substr(at + 1) &&
          full_name_of(entry).starts_with(full->substr(0, at)))
        return entry;
    }
  }
  if (!digits.empty()) {
    const Json* found = nullptr;
    std::string id;
    for (const Json& entry : entries) {
      auto manifest = reader.manifest(entry);
      if (!manifest) continue;
      if (!manifest->config.hex.starts_with(digits) && manifest->self.hex != digits) continue;
      if (found && id != manifest->config.hex)
        return error("more than one image has an id that begins with", digits, "give more digits");
      found = &entry;
      id = manifest->config.hex;
    }
    if (found) return *found;
  }
  return error("no such image", reference, kHint, ENOENT);
}

Result<void> write_index(const std::string& images, const Json& index) {
  std::string temporary = images + "/.index.json.new", text = index.dump();
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot create", temporary);
  for (size_t done = 0; done < text.size();) {
    ssize_t wrote = ::write(fd.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_error("cannot write", temporary);
    done += static_cast<size_t>(wrote);
  }
  if (::fsync(fd.get()) != 0) return errno_error("cannot sync", temporary);
  if (::rename(temporary.c_str(), (images + "/index.json").c_str()) != 0)
    return errno_error("cannot replace", images + "/index.json");
  UniqueFd folder(::open(images.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return errno_error("cannot sync", images);
  return {};
}

}  // namespace

ImageStore::ImageStore(std::string root) : root_(std::move(root)) {}

std::string ImageStore::layers_dir() const { return root_ + "/layers"; }

Result<Image> ImageStore::resolve(const std::string& reference) const {
  Reader reader(root_);
  RCRT_ASSIGN(std::vector<Json> entries, reader.entries());
  RCRT_ASSIGN(Json entry, find_entry(reader, entries, reference));
  auto damaged = [&](const Error& below) { return wrap(below, "cannot use the image", reference); };
  auto manifest = reader.manifest(entry);
  if (!manifest) return damaged(manifest.error());
  auto config = reader.blob(manifest->config);
  if (!config) return damaged(config.error());

  Image image;
  image.name = full_name_of(entry);
  image.id = manifest->config.digest;
  image.digest = manifest->self.digest;
  const Json& diff_ids = member_of(member_of(*config, "rootfs"), "diff_ids");
  if (!diff_ids.is_array() || diff_ids.empty() || diff_ids.size() > kMaxLayers)
    return damaged(Error{"the image configuration lists no layers", image.id, 0, {}, {}});
  for (const Json& diff_id : diff_ids) {
    auto hex = hex_of(diff_id.is_string() ? diff_id.get<std::string>() : "");
    if (!hex) return damaged(hex.error());
    image.diff_ids.push_back(*hex);
    // Link names are the first seven digits; where those are taken by another layer the image
    // plugin makes a longer one.
    std::string link;
    for (size_t length = 7; link.empty() && length <= 64; ++length) {
      std::string path = layers_dir() + "/l/" + hex->substr(0, length);
      char target[80];
      ssize_t size = ::readlink(path.c_str(), target, sizeof target);
      if (size < 0) break;
      if (std::string_view(target, static_cast<size_t>(size)) == "../" + *hex)
        link = "l/" + hex->substr(0, length);
    }
    if (link.empty())
      return damaged(Error{
          "a layer is not unpacked", layers_dir() + "/" + *hex, 0, "import or pull the image again", {}});
    image.layers.insert(image.layers.begin(), link);
  }
  image.config = std::move(*config);
  return image;
}

Result<std::vector<ImageSummary>> ImageStore::list() const {
  Reader reader(root_);
  RCRT_ASSIGN(std::vector<Json> entries, reader.entries());
  std::vector<ImageSummary> images;
  for (const Json& entry : entries) {
    auto manifest = reader.manifest(entry);
    if (!manifest) return wrap(manifest.error(), "cannot read the image", name_of(entry));
    RCRT_ASSIGN(Json config, reader.blob(manifest->config));
    images.push_back({full_name_of(entry), manifest->config.digest, manifest->self.digest,
                      parse_time(text_of(config, "created")), manifest->layer_bytes});
  }
  return images;
}

Result<void> ImageStore::untag(const std::string& reference) {
  std::string images = root_ + "/images";
  UniqueFd lock(::open((images + "/.lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) {
    if (errno == ENOENT) return error("no such image", reference, kHint, ENOENT);
    return errno_error("cannot open the lock of the image store", images + "/.lock");
  }
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("cannot lock the image store", images);
  Reader reader(root_);
  RCRT_ASSIGN(std::vector<Json> entries, reader.entries());
  RCRT_ASSIGN(Json entry, find_entry(reader, entries, reference));
  RCRT_ASSIGN(Json index, read_json(images + "/index.json", kMaxIndex));
  Json kept = Json::array();
  for (Json& other : entries)
    if (other != entry) kept.push_back(std::move(other));
  index["manifests"] = std::move(kept);
  return write_index(images, index);
}

}  // namespace rcrt
