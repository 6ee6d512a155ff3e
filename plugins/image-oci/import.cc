// SPDX-License-Identifier: MIT
#include "plugins/image-oci/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/image_reference.h"
#include "plugins/image-oci/archive_reader.h"
#include "plugins/image-oci/entry_writer.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/store.h"
#include "plugins/image-oci/tree_archiver.h"

namespace rcrt::image_oci {
namespace {

constexpr const char* kBlob = "blob";
constexpr const char* kTree = "tree";

std::string now() {
  const time_t seconds = time(nullptr);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

const char* architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this architecture as Go does"
#endif
}

struct Layer {
  std::string diff_hex, blob_hex, media_type;
  uint64_t size = 0;
};

// Unpacks the tar at `source` into <workspace>/tree and keeps its blob, if one is given.
Result<Layer> unpack_source(int source, int blob, int workspace, const Limits& limits) {
  RCRT_ASSIGN(const UniqueFd tree, make_directory(workspace, kTree, 0755));
  if (fchmod(tree.get(), 0755) != 0) return errno_error("cannot set the mode of the layer's root");
  LayerStream stream(source, blob, limits);
  RCRT_TRY(stream.open());
  ArchiveReader reader(stream, limits);
  RCRT_TRY(reader.open());
  EntryWriter writer(tree.get(), Whiteouts::kOverlay, limits);
  Entry entry;
  while (true) {
    RCRT_ASSIGN(const bool more, reader.next(entry));
    if (!more) break;
    RCRT_TRY(writer.write(entry, reader));
  }
  RCRT_TRY(writer.finish());
  RCRT_TRY(stream.finish());
  return Layer{stream.diff_hex(), stream.blob_hex(), stream.media_type(), stream.blob_size()};
}

Result<Layer> make_layer(const ImportRequest& request, int workspace) {
  UniqueFd source(open(request.source.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!source) return errno_error("cannot open", request.source);
  struct stat info{};
  if (fstat(source.get(), &info) != 0) return errno_error("cannot stat", request.source);
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    return error("neither a tar archive nor a directory", request.source, {}, EINVAL);
  UniqueFd blob(openat(workspace, kBlob, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!blob) return errno_error("cannot create the layer's file");
  int keep = blob.get();
  if (S_ISDIR(info.st_mode)) {
    RCRT_TRY(archive_tree(source.get(), blob.get()));
    if (lseek(blob.get(), 0, SEEK_SET) != 0) return errno_error("cannot rewind the layer's file");
    source = std::move(blob);
    keep = -1;
  }
  auto layer = unpack_source(source.get(), keep, workspace, request.limits);
  if (!layer) return in_context(layer.error(), "cannot import", request.source);
  // One sync for the whole tree; the blob lies on the same file system.
  fault_point("image-oci: layer unpacked");
  if (syncfs(workspace) != 0) return errno_error("cannot sync the image store");
  fault_point("image-oci: layer synced");
  return layer;
}

}  // namespace

Result<std::string> import_image(const ImportRequest& request) {
  RCRT_ASSIGN(const std::string name, normalize_reference(request.name));
  if (name.find('@') != name.npos)
    return error("cannot import under a digest", request.name, "give a name and a tag", EINVAL);
  if (!request.config.is_object()) return error("not an object", "config", {}, EINVAL);
  const std::string created = request.created.empty() ? now() : request.created;
  fault_point("image-oci: import begins");
  RCRT_ASSIGN(const Store store, Store::open(request.root));
  fault_point("image-oci: store opened");
  RCRT_ASSIGN(const UniqueFd held, store.lock_contents(false));
  RCRT_ASSIGN(const Workspace workspace, Workspace::make(store));
  fault_point("image-oci: workspace made");
  RCRT_ASSIGN(const Layer layer, make_layer(request, workspace.fd()));

  RCRT_TRY(store.add_layer(workspace.fd(), kTree, layer.diff_hex));
  fault_point("image-oci: layer linked");
  RCRT_TRY(store.add_blob(workspace.fd(), kBlob, layer.blob_hex));
  fault_point("image-oci: layer stored");

  const Json config = {
      {"created", created},
      {"architecture", architecture()},
      {"os", "linux"},
      {"config", request.config},
      {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({"sha256:" + layer.diff_hex})}}},
      {"history", Json::array({{{"created", created}, {"created_by", "rcrt import"}}})},
  };
  RCRT_ASSIGN(const Json config_descriptor,
              store.add_document(config, "application/vnd.oci.image.config.v1+json"));
  fault_point("image-oci: configuration stored");
  const std::string manifest_type = "application/vnd.oci.image.manifest.v1+json";
  const Json manifest = {
      {"schemaVersion", 2},
      {"mediaType", manifest_type},
      {"config", config_descriptor},
      {"layers", Json::array({{{"mediaType", layer.media_type},
                               {"digest", "sha256:" + layer.blob_hex},
                               {"size", layer.size}}})},
  };
  RCRT_ASSIGN(const Json descriptor, store.add_document(manifest, manifest_type));
  fault_point("image-oci: manifest stored");
  RCRT_TRY(store.tag(descriptor, name));
  fault_point("image-oci: index written");
  return config_descriptor["digest"].get<std::string>();
}

}  // namespace rcrt::image_oci
