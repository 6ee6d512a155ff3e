// SPDX-License-Identifier: MIT
// As `docker save` does it: plain tar layers, configurations, and manifest.json.
#include <algorithm>
#include <cstring>

#include "plugins/image-oci/layer_stream.h"
#include "plugins/image-oci/save.h"

namespace rcrt::image_oci {
namespace {

// A layer as a plain tar, checked against its diff-id.
class PlainLayer final : public ByteSource {
 public:
  PlainLayer(const Descriptor& layer, const std::string& diff_hex, UniqueFd fd, const Limits& limits)
      : layer_(layer), diff_hex_(diff_hex), blob_(std::move(fd), layer.size, true), stream_(blob_, limits) {}

  Result<size_t> read(void* data, size_t size) override {
    if (size_ == 0) {
      RCRT_ASSIGN(size_, stream_.next(reinterpret_cast<const void**>(&piece_)));
      if (size_ == 0) return finish();
    }
    size = std::min(size, size_);
    std::memcpy(data, piece_, size);
    piece_ += size;
    size_ -= size;
    return size;
  }

 private:
  Result<size_t> finish() {
    RCRT_TRY(stream_.finish());
    if ("sha256:" + stream_.blob_hex() != layer_.digest || stream_.diff_hex() != diff_hex_)
      return error("damaged layer, wrong content of", layer_.digest, "see `rcrt image verify`", EBADMSG);
    return 0;
  }

  const Descriptor& layer_;
  const std::string& diff_hex_;
  BlobFile blob_;
  LayerStream stream_;
  const char* piece_ = nullptr;
  size_t size_ = 0;
};

// An archive says how large a file is before the file: a compressed layer is read twice.
Result<uint64_t> plain_size(UniqueFd fd, const Descriptor& layer, const Limits& limits) {
  BlobFile blob(std::move(fd), layer.size, true);
  LayerStream stream(blob, limits);
  const void* data = nullptr;
  uint64_t bytes = 0;
  while (true) {
    RCRT_ASSIGN(const size_t size, stream.next(&data));
    if (size == 0) return bytes;
    bytes += size;
  }
}

}  // namespace

Result<void> save_docker(const Store& store, const std::vector<SavedImage>& images, const SaveOutput& out,
                         const Limits& limits) {
  Json list = Json::array();
  for (const SavedImage& saved : images) {
    const FoundImage& image = saved.image;
    Json paths = Json::array();
    for (size_t i = 0; i < image.diff_ids.size(); ++i) {
      const Descriptor& layer = image.manifest.layers[i];
      const std::string path = image.diff_ids[i] + ".tar";
      paths.push_back(path);
      uint64_t size = layer.size;
      if (layer.digest != "sha256:" + image.diff_ids[i] && !out.files.has(path)) {
        RCRT_ASSIGN(UniqueFd once, store.open_blob(layer.digest.substr(7)));
        RCRT_ASSIGN(size, plain_size(std::move(once), layer, limits));
      }
      RCRT_ASSIGN(UniqueFd again, store.open_blob(layer.digest.substr(7)));
      PlainLayer source(layer, image.diff_ids[i], std::move(again), limits);
      RCRT_TRY(out.add_layer(path, layer.digest, size, source));
    }
    const std::string config = image.manifest.config.digest.substr(7) + ".json";
    RCRT_ASSIGN(const std::string text, store.read_text(image.manifest.config));
    if (!out.files.has(config)) RCRT_TRY(out.files.add_text(config, text));
    list.push_back({{"Config", config}, {"RepoTags", saved.names}, {"Layers", paths}});
  }
  return out.files.add_text("manifest.json", list.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace rcrt::image_oci
