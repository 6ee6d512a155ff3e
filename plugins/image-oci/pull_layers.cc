// SPDX-License-Identifier: MIT
#include "plugins/image-oci/pull_layers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "base/fault.h"
#include "plugins/image-oci/blob_fetch.h"
#include "plugins/image-oci/image_intake.h"
#include "plugins/image-oci/workers.h"

namespace rcrt::image_oci {
namespace {

class Puller {
 public:
  Puller(ImageIntake& intake, const std::vector<Registry*>& registries, ProgressBoard& board)
      : intake_(intake), registries_(registries), board_(board) {}

  // Every layer of the image on the board, once.
  void list(const Store& store, const RemoteImage& image) {
    for (size_t i = 0; i < image.manifest.layers.size(); ++i) {
      const Descriptor& blob = image.manifest.layers[i];
      if (bars_.contains(blob.digest)) continue;
      BlobProgress& bar = board_.add(blob.digest, blob.size);
      const bool has_blob = store.has_blob(blob.digest.substr(7), blob.size);
      if (has_blob)
        bar.state = store.has_layer(image.diff_ids[i]) ? BlobState::present : BlobState::unpacking;
      bars_.emplace(blob.digest, Bar{&blob, &bar, nullptr});
    }
    board_.report();
  }

  Result<Json> run(int parallel) {
    auto fed = run_workers(parallel, [this] { return feed(); }, [this] { report(); });
    if (failure_) return std::unexpected(std::move(*failure_));
    if (!fed) return std::unexpected(std::move(fed).error());
    Result<Json> descriptor;
    auto stored = run_workers(
        1,
        [&]() -> Result<void> {
          descriptor = intake_.commit();
          if (!descriptor) return std::unexpected(descriptor.error());
          return {};
        },
        [this] { report(); });
    if (!stored) return std::unexpected(std::move(stored).error());
    for (auto& [digest, bar] : bars_) {
      if (bar.progress->state == BlobState::present) continue;
      bar.progress->current = bar.progress->total;
      bar.progress->state = BlobState::done;
    }
    board_.report();
    return descriptor;
  }

 private:
  struct Bar {
    const Descriptor* blob;
    BlobProgress* progress;
    LayerIntake* layer;  // while it is fed, and after
  };

  // One thread: fetches layers until there are none.
  Result<void> feed() {
    auto http = HttpClient::make(&stop_);
    if (!http) return stop(http.error());
    while (true) {
      LayerIntake* layer = nullptr;
      Bar* bar = nullptr;
      {
        std::unique_lock held(mutex_);
        while (true) {
          if (stop_) return {};
          auto next = intake_.next();
          if (!next) {
            held.unlock();
            return stop(next.error());
          }
          layer = *next;
          if (layer != nullptr) break;
          if (intake_.done()) {
            changed_.notify_all();
            return {};
          }
          // What others of us fetch may be all there is to wait for, or come back.
          changed_.wait(held);
        }
        bar = &bars_.at("sha256:" + layer->wanted().blob_hex);
        bar->layer = layer;
      }
      fault_point("image-oci: a layer is ours to fetch");
      auto fetched = fetch_blob(*http, registries_, *bar->blob, layer->offset(), *bar->progress,
                                [&](const char* data, size_t size) { return layer->write(data, size); });
      {
        const std::lock_guard held(mutex_);
        if (fetched) fetched = layer->end();
      }
      if (!fetched) return stop(fetched.error());
      bar->progress->state = BlobState::unpacking;
      changed_.notify_all();
    }
  }

  // The first reason is the one that is told: the other threads only end because of it.
  Result<void> stop(const Error& failure) {
    {
      const std::lock_guard held(mutex_);
      if (!failure_) failure_ = failure;
      stop_ = true;
    }
    changed_.notify_all();
    return std::unexpected(failure);
  }

  void report() {
    {
      // Not while the next layer is being waited for: another process may take its time.
      const std::unique_lock held(mutex_, std::try_to_lock);
      if (held)
        for (auto& [digest, bar] : bars_)
          if (bar.layer != nullptr && bar.progress->state == BlobState::unpacking)
            bar.progress->current = bar.layer->unpacked();
    }
    board_.report();
  }

  ImageIntake& intake_;
  const std::vector<Registry*>& registries_;
  ProgressBoard& board_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> failure_;
  std::map<std::string, Bar> bars_;  // by the blob's digest
};

// Of how many layers an earlier attempt left something.
size_t count_partial(const Store& store, const RemoteImage& image) {
  return static_cast<size_t>(std::ranges::count_if(image.manifest.layers, [&](const Descriptor& blob) {
    return faccessat(store.partial(), blob.digest.substr(7).c_str(), F_OK, 0) == 0;
  }));
}

}  // namespace

Result<Json> pull_layers(const Store& store, const RemoteImage& image,
                         const std::vector<Registry*>& registries, int parallel, const Limits& limits,
                         ProgressBoard& board) {
  for (size_t suspects = count_partial(store, image);; --suspects) {
    RCRT_ASSIGN(auto intake,
                ImageIntake::begin(
                    store, {image.manifest_text, image.descriptor.media_type, image.config_text}, limits));
    Puller puller(*intake, registries, board);
    puller.list(store, image);
    auto descriptor = puller.run(parallel);
    // What was there from an earlier time may have been what is wrong; that layer's is gone now.
    if (descriptor || descriptor.error().code != EBADMSG || suspects == 0) return descriptor;
    board.clear();
  }
}

}  // namespace rcrt::image_oci
