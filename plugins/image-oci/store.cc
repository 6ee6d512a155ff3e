// SPDX-License-Identifier: MIT
#include "plugins/image-oci/store.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/fault.h"
#include "base/image_reference.h"
#include "base/tree.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLargestIndex = 64 << 20;
constexpr size_t kLargestDocument = 8 << 20;
constexpr size_t kLinkName = 7;
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

Result<UniqueFd> lock(int dir, int operation) {
  UniqueFd fd(openat(dir, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error("cannot open the lock of the image store");
  while (flock(fd.get(), operation) != 0)
    if (errno != EINTR) return errno_error("cannot lock the image store");
  return fd;
}

std::string random_name() {
  unsigned long long bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = static_cast<unsigned long long>(getpid());
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", bits);
  return text;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Document::Document(std::string content, std::string type)
    : hex(sha256_hex(content)), text(std::move(content)), media_type(std::move(type)) {}

Document::Document(const Json& json, std::string type) : Document(dump(json), std::move(type)) {}

Json Document::descriptor() const {
  return {{"mediaType", media_type}, {"digest", "sha256:" + hex}, {"size", text.size()}};
}

Result<Store> Store::open(const std::string& root) {
  if (!root.starts_with('/')) return error("not an absolute path", root, {}, EINVAL);
  if (mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("cannot make directory", root);
  UniqueFd top(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return errno_error("cannot open directory", root);
  Store store;
  RCRT_ASSIGN(store.images_, make_directory(top.get(), "images"));
  RCRT_ASSIGN(UniqueFd blobs, make_directory(store.images_.get(), "blobs", 0755));
  RCRT_ASSIGN(store.blobs_, make_directory(blobs.get(), "sha256", 0755));
  RCRT_ASSIGN(store.layers_, make_directory(top.get(), "layers"));
  RCRT_ASSIGN(store.links_, make_directory(store.layers_.get(), "l"));
  RCRT_ASSIGN(store.incoming_, make_directory(top.get(), "incoming"));
  RCRT_ASSIGN(store.partial_, make_directory(top.get(), "partial"));
  if (faccessat(store.images(), "oci-layout", F_OK, 0) != 0)
    RCRT_TRY(write_file_atomically(store.images(), "oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  return store;
}

Result<UniqueFd> Store::lock_contents(bool exclusive) const {
  return lock(layers(), exclusive ? LOCK_EX : LOCK_SH);
}

Result<UniqueFd> Store::lock_index() const { return lock(images(), LOCK_EX); }

Result<Json> Store::read_index() const {
  auto text = read_small_file(images(), "index.json", kLargestIndex);
  if (!text && text.error().code == ENOENT)
    return Json{{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", Json::array()}};
  if (!text) return std::unexpected(text.error());
  RCRT_ASSIGN(Json index, parse_object(*text, "index.json"));
  if (auto checked = parse_index(index); !checked)
    return in_context(checked.error(), "cannot use", "index.json");
  return index;
}

Result<void> Store::write_index(const Json& index) const {
  return write_file_atomically(images(), "index.json", dump(index));
}

Result<void> Store::tag(const Json& descriptor, const std::string& name) const {
  RCRT_ASSIGN(const UniqueFd held, lock_index());
  RCRT_ASSIGN(Json index, read_index());
  Json manifests = Json::array();
  for (Json& entry : index["manifests"]) {
    auto other = parse_descriptor(entry);
    if (other && !other->name.empty()) {
      auto full = normalize_reference(other->name);
      if (other->name == name || (full && *full == name)) continue;
    }
    manifests.push_back(std::move(entry));
  }
  Json named = descriptor;
  named["annotations"][kRefName] = name;
  manifests.push_back(std::move(named));
  index["manifests"] = std::move(manifests);
  fault_point("image-oci: before the index is written");
  return write_index(index);
}

Result<Json> Store::read_document(const Descriptor& descriptor) const {
  auto text = read_small_file(blobs(), descriptor.digest.substr(7).c_str(), kLargestDocument);
  if (!text) return in_context(text.error(), "incomplete image, missing", descriptor.digest);
  if (text->size() != descriptor.size || "sha256:" + sha256_hex(*text) != descriptor.digest)
    return error("damaged image, wrong content of", descriptor.digest, "import it again", EBADMSG);
  return parse_object(*text, descriptor.digest);
}

bool Store::has_blob(const std::string& hex, uint64_t size) const {
  struct stat info{};
  return fstatat(blobs(), hex.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
         static_cast<uint64_t>(info.st_size) == size;
}

bool Store::has_layer(const std::string& hex) const {
  struct stat info{};
  return fstatat(layers(), hex.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

Result<UniqueFd> Store::open_blob(const std::string& hex) const {
  UniqueFd fd(openat(blobs(), hex.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error("incomplete image, cannot open blob", "sha256:" + hex);
  return fd;
}

Result<void> Store::place_blob(int from, const char* name, const std::string& hex) const {
  // The old one, if any, has the same content; a torn one is repaired this way.
  if (renameat(from, name, blobs(), hex.c_str()) != 0) return errno_error("cannot store blob", hex);
  return {};
}

Result<void> Store::place_layer(int from, const char* name, const std::string& hex) const {
  if (renameat2(from, name, layers(), hex.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST)
    return errno_error("cannot store layer", hex);
  return {};
}

Result<void> Store::sync_contents() const {
  for (const int folder : {layers(), links(), blobs()}) RCRT_TRY(sync_directory(folder));
  return {};
}

// The first seven digits that no other layer's link has taken, from left to right.
Result<void> Store::link_layer(const std::string& hex) const {
  const std::string target = "../" + hex;
  for (size_t at = 0; at + kLinkName <= hex.size(); ++at) {
    const std::string link = hex.substr(at, kLinkName);
    if (symlinkat(target.c_str(), links(), link.c_str()) == 0) return {};
    if (errno != EEXIST) return errno_error("cannot make link", link);
    char have[PATH_MAX];
    const ssize_t size = readlinkat(links(), link.c_str(), have, sizeof have);
    if (size >= 0 && std::string_view(have, static_cast<size_t>(size)) == target) return {};
  }
  return error("no free link name for layer", hex, {}, EEXIST);
}

Result<Workspace> Workspace::make(const Store& store) {
  Workspace workspace;
  workspace.name_ = random_name();
  if (mkdirat(store.incoming(), workspace.name_.c_str(), 0700) != 0)
    return errno_error("cannot make directory in", "incoming");
  workspace.incoming_ = store.incoming();
  workspace.fd_.reset(
      openat(store.incoming(), workspace.name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!workspace.fd_) return errno_error("cannot open directory in", "incoming");
  return workspace;
}

Workspace::~Workspace() {
  if (!fd_) return;
  fd_.reset();
  // What cannot be deleted now, prune deletes.
  if (auto removed = remove_tree(incoming_, name_.c_str()); !removed) return;
}

Result<FoundImage> find_image(const Store& store, const std::string& name) {
  RCRT_ASSIGN(const Json index, store.read_index());
  RCRT_ASSIGN(const auto entries, parse_index(index));
  const auto normalized = normalize_reference(name);
  const bool by_id = is_digest(name);
  for (const Descriptor& entry : entries) {
    if (is_index_type(entry.media_type)) continue;
    bool named = entry.name == name;
    if (auto full = normalize_reference(entry.name); full && normalized) named |= *full == *normalized;
    if (!named && !by_id) continue;
    auto read = [&]() -> Result<FoundImage> {
      FoundImage found{entry, {}, {}};
      RCRT_ASSIGN(const Json manifest, store.read_document(entry));
      RCRT_ASSIGN(found.manifest, parse_manifest(manifest));
      RCRT_ASSIGN(const Json config, store.read_document(found.manifest.config));
      RCRT_ASSIGN(found.diff_ids, parse_diff_ids(config));
      if (found.diff_ids.size() != found.manifest.layers.size())
        return error("manifest and configuration disagree about the layers", entry.digest, {}, EBADMSG);
      return found;
    };
    auto found = read();
    if (!named && (!found || found->manifest.config.digest != name)) continue;
    if (!found) return in_context(found.error(), "cannot use image", name);
    return found;
  }
  return error("no such image", name, "see `rcrt images`", ENOENT);
}

}  // namespace rcrt::image_oci
