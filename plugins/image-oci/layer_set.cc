// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/fault.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/layer_set_pool.h"
#include "plugins/image-oci/utf8_locale.h"

namespace rcrt::image_oci {

LayerSet::LayerSet(const Store& store, const Limits& limits, unsigned workers)
    : store_(store), limits_(limits), pool_(std::make_unique<Pool>()) {
  pool_->workers = workers != 0 ? workers : std::clamp(std::thread::hardware_concurrency(), 2u, 4u);
}

LayerSet::~LayerSet() {
  {
    const std::lock_guard held(pool_->mutex);
    pool_->stopping = true;
    for (const auto& layer : layers_) layer->blob_->abandon();
  }
  pool_->changed.notify_all();
  for (std::thread& thread : pool_->threads) thread.join();
}

LayerIntake* LayerSet::enqueue(std::unique_ptr<LayerIntake> layer) {
  LayerIntake* const added = layer.get();
  added->set_ = this;
  added->tree_stored_ = !added->wanted_.diff_hex.empty() && store_.has_layer(added->wanted_.diff_hex);
  {
    const std::lock_guard held(pool_->mutex);
    layers_.push_back(std::move(layer));
    if (pool_->threads.size() < pool_->workers) pool_->threads.emplace_back([this] { work(); });
  }
  pool_->changed.notify_all();
  return added;
}

// A layer whose bytes are all there before one that still waits for some.
LayerIntake* LayerSet::next_job() {
  LayerIntake* found = nullptr;
  for (const auto& layer : layers_) {
    if (layer->state_ != LayerIntake::State::kQueued) continue;
    if (layer->ended_) return layer.get();
    if (found == nullptr) found = layer.get();
  }
  return found;
}

void LayerSet::work() {
  const Utf8Locale locale;
  std::unique_lock held(pool_->mutex);
  while (true) {
    LayerIntake* layer = nullptr;
    pool_->changed.wait(held, [&] { return pool_->stopping || (layer = next_job()) != nullptr; });
    if (pool_->stopping) return;
    layer->state_ = LayerIntake::State::kRunning;
    held.unlock();
    Result<LayerFacts> facts;
    try {
      facts = unpack(*layer);
      if (!facts && !layer->wanted_.blob_hex.empty())
        facts = in_context(facts.error(), "cannot unpack layer", "sha256:" + layer->wanted_.blob_hex);
    } catch (const std::exception& failure) {
      facts = std::unexpected(Error{"cannot unpack a layer", {}, ENOMEM, failure.what(), {}});
    }
    held.lock();
    if (facts) {
      layer->facts_ = std::move(*facts);
    } else if (!layer->failure_ && !pool_->stopping) {  // giving up is no failure
      layer->failure_ = facts.error();
    }
    layer->state_ = LayerIntake::State::kDone;
    pool_->changed.notify_all();
  }
}

void LayerSet::ended(LayerIntake& layer) {
  const std::lock_guard held(pool_->mutex);
  layer.ended_ = true;
}

void LayerSet::fail(LayerIntake& layer, const Error& failure) {
  const std::lock_guard held(pool_->mutex);
  if (!layer.failure_) layer.failure_ = failure;
}

Result<void> LayerSet::failure() const {
  const std::lock_guard held(pool_->mutex);
  for (const auto& layer : layers_)
    if (layer->failure_) return std::unexpected(*layer->failure_);
  return {};
}

Result<void> LayerSet::wait() {
  for (const auto& layer : layers_)
    if (!layer->ended_) return error("a layer is not complete", "sha256:" + layer->wanted_.blob_hex);
  {
    std::unique_lock held(pool_->mutex);
    pool_->changed.wait(held, [&] {
      return std::ranges::all_of(layers_, [](const auto& layer) {
        return layer->state_ == LayerIntake::State::kDone ||
               layer->state_ == LayerIntake::State::kPublished || layer->failure_;
      });
    });
  }
  return failure();
}

bool LayerSet::holds_unpublished() const {
  return std::ranges::any_of(layers_, [](const auto& layer) {
    return !layer->blob_stored_ && layer->state_ != LayerIntake::State::kPublished;
  });
}

Result<void> LayerSet::publish(const std::vector<Document>& documents) {
  RCRT_TRY(wait());
  fault_point("image-oci: layers unpacked");
  RCRT_ASSIGN(const Workspace workspace, Workspace::make(store_));
  for (const Document& document : documents) {
    UniqueFd fd(openat(workspace.fd(), document.hex.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd) return errno_error("cannot create a document of the image store");
    RCRT_TRY(write_full(fd.get(), document.text.data(), document.text.size()));
  }
  // One sync for all of it; everything lies on the same file system.
  if (syncfs(store_.incoming()) != 0) return errno_error("cannot sync the image store");
  fault_point("image-oci: layers synced");
  for (const auto& layer : layers_) {
    if (layer->state_ == LayerIntake::State::kPublished) continue;
    if (!layer->tree_stored_)
      RCRT_TRY(store_.place_layer(layer->workspace_->fd(), kTreeName, layer->facts_.diff_hex));
    fault_point("image-oci: layer in place");
    RCRT_TRY(store_.link_layer(layer->facts_.diff_hex));
    fault_point("image-oci: layer linked");
    if (!layer->blob_stored_) {
      const bool partial = !layer->wanted_.blob_hex.empty();
      RCRT_TRY(partial ? store_.place_blob(store_.partial(), layer->facts_.blob_hex.c_str(),
                                           layer->facts_.blob_hex)
                       : store_.place_blob(layer->workspace_->fd(), kBlobName, layer->facts_.blob_hex));
      fault_point("image-oci: blob in place");
    }
  }
  for (const Document& document : documents) {
    RCRT_TRY(store_.place_blob(workspace.fd(), document.hex.c_str(), document.hex));
    fault_point("image-oci: document in place");
  }
  RCRT_TRY(store_.sync_contents());
  fault_point("image-oci: contents synced");
  for (const auto& layer : layers_) {
    layer->state_ = LayerIntake::State::kPublished;
    layer->blob_->close();
  }
  return {};
}

}  // namespace rcrt::image_oci
