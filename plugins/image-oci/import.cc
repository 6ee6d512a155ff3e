// SPDX-License-Identifier: MIT
#include "plugins/image-oci/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/fault.h"
#include "base/image_reference.h"
#include "plugins/image-oci/decompress.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/now.h"
#include "plugins/image-oci/store.h"
#include "plugins/image-oci/tree_archiver.h"

namespace rcrt::image_oci {
namespace {

// The archive as it is where an OCI layer may be so compressed, else as a plain tar.
Result<void> feed_archive(int source, LayerIntake& layer, const Limits& limits) {
  FdSource file(source);
  Input input(file);
  RCRT_ASSIGN(const std::string_view beginning, input.peek(8));
  if (const Compression compression = compression_of(beginning); compression == Compression::kOther) {
    RCRT_ASSIGN(const auto plain, decompress(input, compression, limits));
    std::vector<char> buffer(256 << 10);
    while (true) {
      RCRT_ASSIGN(const size_t size, plain->read(buffer.data(), buffer.size()));
      if (size == 0) return {};
      RCRT_TRY(layer.write(buffer.data(), size));
    }
  }
  while (true) {
    RCRT_ASSIGN(const bool more, input.fill());
    if (!more) return {};
    RCRT_TRY(layer.write(input.left().data(), input.left().size()));
    input.take(input.left().size());
  }
}

Result<void> feed(const ImportRequest& request, LayerIntake& layer) {
  if (request.from >= 0) return feed_archive(request.from, layer, request.limits);
  UniqueFd source(open(request.source.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!source) return errno_error("cannot open", request.source);
  struct stat info{};
  if (fstat(source.get(), &info) != 0) return errno_error("cannot stat", request.source);
  if (S_ISDIR(info.st_mode))
    return archive_tree(source.get(), [&](const void* data, size_t size) { return layer.write(data, size); });
  if (!S_ISREG(info.st_mode))
    return error("neither a tar archive nor a directory", request.source, {}, EINVAL);
  return feed_archive(source.get(), layer, request.limits);
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
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  LayerSet layers(store, request.limits, 1);
  RCRT_ASSIGN(LayerIntake* const intake, layers.add({}));
  fault_point("image-oci: workspace made");
  auto unpacked = [&]() -> Result<void> {
    RCRT_TRY(feed(request, *intake));
    RCRT_TRY(intake->end());
    return layers.wait();
  }();
  if (!unpacked) return in_context(unpacked.error(), "cannot import", request.source);
  fault_point("image-oci: layer unpacked");
  const LayerFacts& layer = intake->facts();
  if (layer.diff_hex == sha256_hex(""))
    return error("cannot import an empty archive", request.source, "its writer may have failed", EBADMSG);

  const Json config = {
      {"created", created},
      {"architecture", machine_architecture()},
      {"os", "linux"},
      {"config", request.config},
      {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({"sha256:" + layer.diff_hex})}}},
      {"history", Json::array({{{"created", created}, {"created_by", "rcrt import"}}})},
  };
  const Document config_document(config, "application/vnd.oci.image.config.v1+json");
  const std::string manifest_type = "application/vnd.oci.image.manifest.v1+json";
  const Json manifest = {
      {"schemaVersion", 2},
      {"mediaType", manifest_type},
      {"config", config_document.descriptor()},
      {"layers", Json::array({{{"mediaType", layer.media_type},
                               {"digest", "sha256:" + layer.blob_hex},
                               {"size", layer.blob_size}}})},
  };
  const Document manifest_document(manifest, manifest_type);
  RCRT_TRY(layers.publish({config_document, manifest_document}));
  RCRT_TRY(store.tag(manifest_document.descriptor(), name));
  fault_point("image-oci: index written");
  return "sha256:" + config_document.hex;
}

}  // namespace rcrt::image_oci
