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
#include "base/image_index.h"
#include "base/image_names.h"
#include "base/image_reference.h"
#include "base/oci_store.h"
#include "base/tree.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLinkName = 7;

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

Result<UniqueFd> Store::hold_contents() const { return lock_file(layers(), ".lock", LOCK_SH); }

Result<void> Store::tag(const Json& descriptor, const std::string& name) const {
  RCRT_ASSIGN(const UniqueFd held, lock_image_index(images()));
  RCRT_ASSIGN(Json index, read_image_index(images()));
  name_image(index, descriptor, name);
  fault_point("image-oci: before the index is written");
  return write_image_index(images(), index);
}

Result<std::string> Store::read_text(const Descriptor& descriptor) const {
  auto text = read_small_file(blobs(), descriptor.digest.substr(7).c_str(), kLargestDocument);
  if (!text) return in_context(text.error(), "incomplete image, missing", descriptor.digest);
  if (text->size() != descriptor.size || "sha256:" + sha256_hex(*text) != descriptor.digest)
    return error("damaged image, wrong content of", descriptor.digest, "import it again", EBADMSG);
  return text;
}

Result<Json> Store::read_document(const Descriptor& descriptor) const {
  RCRT_ASSIGN(const std::string text, read_text(descriptor));
  return parse_object(text, descriptor.digest);
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

Result<ImageEntry> find_entry(const Store& store, const std::string& name) {
  RCRT_ASSIGN(const ImageNames names, ImageNames::load(store.images()));
  if (auto entry = names.find(image_key(name))) return std::move(*entry);
  if (is_digest(name))
    if (auto with_id = names.with_id(name.substr(7)); !with_id.empty()) return std::move(with_id.front());
  return error("no such image", name, "see `rcrt images`", ENOENT);
}

Result<FoundImage> find_image(const Store& store, const std::string& name) {
  RCRT_ASSIGN(const ImageEntry entry, find_entry(store, name));
  auto read = [&]() -> Result<FoundImage> {
    RCRT_ASSIGN(const MachineManifest machine, read_machine_manifest(store.images(), entry.descriptor));
    FoundImage found{machine.descriptor, {}, {}};
    // Once more, with its digest checked.
    RCRT_ASSIGN(const Json manifest, store.read_document(machine.descriptor));
    RCRT_ASSIGN(found.manifest, parse_manifest(manifest));
    RCRT_ASSIGN(const Json config, store.read_document(found.manifest.config));
    RCRT_ASSIGN(found.diff_ids, parse_diff_ids(config));
    if (found.diff_ids.size() != found.manifest.layers.size())
      return error("manifest and configuration disagree about the layers", found.descriptor.digest, {},
                   EBADMSG);
    return found;
  };
  auto found = read();
  if (!found) return in_context(found.error(), "cannot use image", name);
  return found;
}

}  // namespace rcrt::image_oci
