// SPDX-License-Identifier: MIT
#include "plugins/image-oci/image_intake.h"

#include <algorithm>
#include <set>

#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

// What each distinct blob of the manifest must turn out to be.
Result<std::vector<LayerWanted>> wanted_layers(const Manifest& manifest,
                                               const std::vector<std::string>& diff_ids) {
  if (diff_ids.size() != manifest.layers.size())
    return error("manifest and configuration disagree about the layers", {}, {}, EBADMSG);
  std::vector<LayerWanted> wanted;
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < diff_ids.size(); ++i) {
    const LayerWanted layer{manifest.layers[i].digest.substr(7), manifest.layers[i].size, diff_ids[i]};
    const auto [at, is_new] = seen.emplace(layer.blob_hex, wanted.size());
    if (is_new) {
      wanted.push_back(layer);
    } else if (wanted[at->second].diff_hex != layer.diff_hex ||
               wanted[at->second].blob_size != layer.blob_size) {
      return error("the image says two things about layer", manifest.layers[i].digest, {}, EBADMSG);
    }
  }
  return wanted;
}

}  // namespace

Result<std::unique_ptr<ImageIntake>> ImageIntake::begin(const Store& store, ImageDocuments documents,
                                                        const Limits& limits) {
  std::unique_ptr<ImageIntake> intake(new ImageIntake);
  intake->store_ = &store;
  intake->documents_ = std::move(documents);
  const ImageDocuments& given = intake->documents_;
  RCRT_ASSIGN(const Json manifest, parse_object(given.manifest, "manifest"));
  RCRT_ASSIGN(intake->manifest_, parse_manifest(manifest));
  const Descriptor& config = intake->manifest_.config;
  if (config.digest != "sha256:" + sha256_hex(given.config) || config.size != given.config.size())
    return error("wrong content of image configuration", config.digest, {}, EBADMSG);
  RCRT_ASSIGN(const Json config_json, parse_object(given.config, config.digest));
  RCRT_ASSIGN(const auto diff_ids, parse_diff_ids(config_json));
  RCRT_ASSIGN(intake->waiting_, wanted_layers(intake->manifest_, diff_ids));
  RCRT_ASSIGN(intake->held_, store.hold_contents());
  intake->layers_ = std::make_unique<LayerSet>(store, limits);
  // What is in the store, unpacked, is not read again. Its link may be missing, where
  // somebody was killed before making it.
  Result<void> linked;
  std::erase_if(intake->waiting_, [&](const LayerWanted& layer) {
    if (!store.has_blob(layer.blob_hex, layer.blob_size) || !store.has_layer(layer.diff_hex)) return false;
    if (linked) linked = store.link_layer(layer.diff_hex);
    return true;
  });
  RCRT_TRY(linked);
  return intake;
}

// False when another process is fetching the layer.
Result<bool> ImageIntake::start(const LayerWanted& wanted, LayerSet::Busy busy, LayerIntake** to_feed) {
  *to_feed = nullptr;
  RCRT_ASSIGN(LayerIntake* const layer, layers_->add(wanted, busy));
  if (layer == nullptr) return false;
  begun_.push_back(layer);
  if (!layer->ended()) *to_feed = layer;
  if (BlobProgress* const bar = shown(wanted.blob_hex)) {
    bar->layer = layer;
    if (layer->ended()) bar->state = BlobState::unpacking;
  }
  return true;
}

void ImageIntake::show_on(ProgressBoard& board) {
  for (const Descriptor& blob : manifest_.layers) {
    const std::string hex = blob.digest.substr(7);
    if (shown_.contains(hex)) continue;
    BlobProgress& bar = board.add(blob.digest, blob.size);
    if (std::ranges::find(waiting_, hex, &LayerWanted::blob_hex) == waiting_.end())
      bar.state = BlobState::present;
    shown_.emplace(hex, &bar);
  }
  board.report();
}

BlobProgress* ImageIntake::shown(const std::string& blob_hex) const {
  auto it = shown_.find(blob_hex);
  return it == shown_.end() ? nullptr : it->second;
}

bool ImageIntake::running() const {
  return std::ranges::any_of(begun_, [](const LayerIntake* layer) { return !layer->ended(); });
}

Result<LayerIntake*> ImageIntake::next() {
  RCRT_TRY(layers_->failure());
  LayerIntake* to_feed = nullptr;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    RCRT_ASSIGN(const bool started, start(*it, LayerSet::Busy::kSkip, &to_feed));
    it = started ? waiting_.erase(it) : it + 1;
    if (to_feed != nullptr) return to_feed;
  }
  // The rest is with other processes. Wait for it with empty hands: another may be waiting
  // for what is ours.
  while (!waiting_.empty() && !running()) {
    if (layers_->holds_unpublished()) RCRT_TRY(layers_->publish());
    const LayerWanted wanted = waiting_.front();
    RCRT_TRY(start(wanted, LayerSet::Busy::kWait, &to_feed));
    waiting_.erase(waiting_.begin());
    if (to_feed != nullptr) return to_feed;
  }
  return nullptr;
}

bool ImageIntake::done() const { return waiting_.empty() && !running(); }

uint64_t ImageIntake::bytes_missing() const {
  uint64_t bytes = 0;
  for (const LayerWanted& layer : waiting_) bytes += layer.blob_size;
  for (const LayerIntake* layer : begun_)
    if (!layer->ended()) bytes += layer->wanted().blob_size - layer->offset();
  return bytes;
}

Result<void> ImageIntake::unpack() { return layers_->publish(); }

Result<Json> ImageIntake::commit() {
  if (!done()) return error("the image is not complete");
  const Document manifest(documents_.manifest, documents_.media_type);
  RCRT_TRY(layers_->publish({Document(documents_.config, manifest_.config.media_type), manifest}));
  for (auto& [hex, bar] : shown_) {
    if (bar->state == BlobState::present) continue;
    bar->current = bar->total;
    bar->state = BlobState::done;
  }
  return manifest.descriptor();
}

}  // namespace rcrt::image_oci
