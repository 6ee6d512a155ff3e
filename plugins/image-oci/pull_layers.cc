// SPDX-License-Identifier: MIT
#include "plugins/image-oci/pull_layers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
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

  Result<Json> run(int parallel) {
    intake_.show_on(board_);
    auto fed = run_workers(parallel, [this] { return feed(); }, [this] { board_.report(); });
    if (failure_) return std::unexpected(std::move(*failure_));
    if (!fed) return std::unexpected(std::move(fed).error());
    Json descriptor;
    RCRT_TRY(board_.report_beside([&]() -> Result<void> {
      RCRT_ASSIGN(descriptor, intake_.commit());
      return {};
    }));
    return descriptor;
  }

 private:
  // One thread: fetches layers until there are none.
  Result<void> feed() {
    auto http = HttpClient::make(&stop_);
    if (!http) return stop(http.error());
    while (true) {
      LayerIntake* layer = nullptr;
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
      }
      BlobProgress& bar = *intake_.shown(layer->wanted().blob_hex);
      fault_point("image-oci: a layer is ours to fetch");
      auto fetched = fetch_blob(*http, registries_, blob_of(*layer), layer->offset(), bar,
                                [&](const char* data, size_t size) { return layer->write(data, size); });
      {
        const std::lock_guard held(mutex_);
        if (fetched) fetched = layer->end();
      }
      if (!fetched) return stop(fetched.error());
      bar.state = BlobState::unpacking;
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

  const Descriptor& blob_of(const LayerIntake& layer) const {
    return *std::ranges::find(intake_.manifest().layers, "sha256:" + layer.wanted().blob_hex,
                              &Descriptor::digest);
  }

  ImageIntake& intake_;
  const std::vector<Registry*>& registries_;
  ProgressBoard& board_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> failure_;
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
    auto descriptor = Puller(*intake, registries, board).run(parallel);
    // What was there from an earlier time may have been what is wrong; that layer's is gone now.
    if (descriptor || descriptor.error().code != EBADMSG || suspects == 0) return descriptor;
    board.clear();
  }
}

}  // namespace rcrt::image_oci
