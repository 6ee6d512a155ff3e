// SPDX-License-Identifier: MIT
#include "store_writer.h"

#include <fcntl.h>
#include <sys/file.h>

#include "archive_reader.h"
#include "base/fault.h"
#include "base/tree.h"
#include "digest.h"
#include "entry_writer.h"
#include "files.h"

namespace rcrt::oci {
namespace {

// Only the holder of the lock makes these, so one name is enough.
constexpr const char* kBlob = ".new-blob";
constexpr const char* kLayer = ".new-layer";
constexpr const char* kIndex = ".index.json.new";
constexpr const char* kOldLayer = ".old-layer";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

Result<UniqueFd> folder(int parent, const char* name) {
  RCRT_TRY(make_directory(parent, name));
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error("cannot open a folder of the image store", name);
  return fd;
}

Result<void> write_file(int parent, const char* name, const std::string& content, const char* temporary) {
  UniqueFd fd(::openat(parent, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return errno_error("cannot create", temporary);
  RCRT_TRY(write_all(fd.get(), content.data(), content.size()));
  if (::fsync(fd.get()) != 0) return errno_error("cannot sync", temporary);
  fault_point("image-oci: file written");
  if (::renameat(parent, temporary, parent, name) != 0) return errno_error("cannot create", name);
  if (::fsync(parent) != 0) return errno_error("cannot sync the folder of", name);
  fault_point("image-oci: file renamed");
  return {};
}

}  // namespace

Result<StoreWriter> StoreWriter::open(const std::string& root) {
  StoreWriter store;
  if (root.empty() || root[0] != '/')
    return error("the store's root is not an absolute path", root, {}, EINVAL);
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("cannot create", root);
  store.root_.reset(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!store.root_) return errno_error("cannot open", root);
  RCRT_ASSIGN(store.images_, folder(store.root_.get(), "images"));
  store.lock_.reset(::openat(store.images_.get(), ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!store.lock_) return errno_error("cannot open the lock of the image store", root);
  while (::flock(store.lock_.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("cannot lock the image store", root);
  RCRT_ASSIGN(UniqueFd blobs, folder(store.images_.get(), "blobs"));
  RCRT_ASSIGN(store.blobs_, folder(blobs.get(), "sha256"));
  RCRT_ASSIGN(store.layers_, folder(store.root_.get(), "layers"));
  RCRT_ASSIGN(store.links_, folder(store.layers_.get(), "l"));
  if (::faccessat(store.images_.get(), "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
    RCRT_TRY(write_file(store.images_.get(), "oci-layout", R"({"imageLayoutVersion":"1.0.0"})",
                        ".oci-layout.new"));
  return store;
}

Result<UniqueFd> StoreWriter::temporary_blob() {
  UniqueFd fd(::openat(images_.get(), kBlob, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return errno_error("cannot create a file in the image store");
  return fd;
}

Result<void> StoreWriter::keep_blob(int fd, const std::string& hex) {
  fault_point("image-oci: blob written");
  if (::fsync(fd) != 0) return errno_error("cannot sync a blob", hex);
  if (::renameat(images_.get(), kBlob, blobs_.get(), hex.c_str()) != 0 || ::fsync(blobs_.get()) != 0)
    return errno_error("cannot keep a blob", hex);
  fault_point("image-oci: blob kept");
  return {};
}

Result<std::string> StoreWriter::add_blob(const std::string& content) {
  std::string hex = sha256_hex(content);
  RCRT_TRY(write_file(blobs_.get(), hex.c_str(), content, ".new"));
  return "sha256:" + hex;
}

Result<void> StoreWriter::add_layer(int blob, const std::string& hex, const Limits& limits) {
  if (::faccessat(layers_.get(), hex.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
    RCRT_TRY(remove_tree(layers_.get(), kLayer));
    RCRT_TRY(make_directory(layers_.get(), kLayer, 0755));
    UniqueFd root(::openat(layers_.get(), kLayer, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // The umask must not decide how a root directory looks that the archive does not mention.
    if (!root || ::fchmod(root.get(), 0755) != 0) return errno_error("cannot create a layer", hex);
    fault_point("image-oci: layer begun");
    if (::lseek(blob, 0, SEEK_SET) != 0) return errno_error("cannot read a blob", hex);
    RCRT_ASSIGN(ArchiveReader reader, ArchiveReader::open(blob));
    EntryWriter writer(root.get(), limits);
    for (;;) {
      RCRT_ASSIGN(archive_entry * entry, reader.next());
      if (!entry) break;
      RCRT_TRY(writer.write(entry, reader));
    }
    RCRT_TRY(writer.finish());
    fault_point("image-oci: layer unpacked");
    if (::syncfs(root.get()) != 0) return errno_error("cannot sync a layer", hex);
    if (::renameat(layers_.get(), kLayer, layers_.get(), hex.c_str()) != 0 || ::fsync(layers_.get()) != 0)
      return errno_error("cannot keep a layer", hex);
    fault_point("image-oci: layer kept");
  }
  for (size_t length = 7; length <= hex.size(); ++length) {
    std::string name = hex.substr(0, length), target = "../" + hex;
    char there[80];
    ssize_t size = ::readlinkat(links_.get(), name.c_str(), there, sizeof there);
    if (size >= 0 && std::string_view(there, static_cast<size_t>(size)) == target) return {};
    if (size >= 0) continue;  // another layer's
    if (::symlinkat(target.c_str(), links_.get(), name.c_str()) != 0 || ::fsync(links_.get()) != 0)
      return errno_error("cannot create the link of a layer", name);
    fault_point("image-oci: layer linked");
    return {};
  }
  return error("no free link name for the layer", hex);
}

Result<Json> StoreWriter::index() const {
  auto text = read_file(images_.get(), "index.json", 64 << 20);
  if (!text && text.error().code == ENOENT)
    return Json{{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", Json::array()}};
  if (!text) return std::unexpected(text.error());
  Json index = Json::parse(*text, nullptr, false);
  if (!index.is_object() || !index.contains("manifests") || !index["manifests"].is_array())
    return error("the image store's index.json is damaged");
  return index;
}

Result<void> StoreWriter::add_name(const std::string& name, const std::string& digest, size_t size) {
  RCRT_ASSIGN(Json index, this->index());
  Json kept = Json::array();
  for (const Json& entry : index["manifests"]) {
    bool same = entry.is_object() && entry.contains("annotations") && entry["annotations"].is_object() &&
                entry["annotations"].value(kRefName, Json()) == name;
    if (!same) kept.push_back(entry);
  }
  kept.push_back({{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                  {"digest", digest},
                  {"size", size},
                  {"annotations", {{kRefName, name}}}});
  index["manifests"] = std::move(kept);
  return write_file(images_.get(), "index.json", index.dump(), kIndex);
}

Result<void> StoreWriter::clean_temporary() {
  RCRT_TRY(remove_tree(images_.get(), kBlob));
  RCRT_TRY(remove_tree(images_.get(), kIndex));
  RCRT_TRY(remove_tree(images_.get(), ".oci-layout.new"));
  RCRT_TRY(remove_tree(blobs_.get(), ".new"));
  RCRT_TRY(remove_tree(layers_.get(), kOldLayer));
  return remove_tree(layers_.get(), kLayer);
}

}  // namespace rcrt::oci
