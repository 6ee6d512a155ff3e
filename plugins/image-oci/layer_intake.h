// SPDX-License-Identifier: MIT
// Layers on their way into the store. Bytes go in at one end as they come, from a download
// or a file; they are kept, hashed, decompressed and unpacked at the same time, several
// layers at once, by threads of the set's own. Nothing is visible in the store until
// publish(), and nothing is published that is not whole, checked and on disk.
//
//   LayerSet set(store, limits);
//   LayerIntake* layer = set.add({blob digest, size, diff-id});
//   layer->offset()            go on from here: an earlier attempt may have left bytes
//   layer->write(data, size)   as often as it takes; never waits for the unpacking
//   layer->end()
//   set.wait()                 all unpacked, every digest as it should be
//   set.publish(documents)     synced, renamed
//
// image_intake.h does this for the layers of a manifest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/blob_file.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

// What is known of a layer beforehand.
struct LayerWanted {
  std::string blob_hex;    // of the compressed bytes; empty when not known (import)
  uint64_t blob_size = 0;  // exact, when blob_hex is given
  std::string diff_hex;    // of the tar; empty when not known
};

// What it turned out to be.
struct LayerFacts {
  std::string blob_hex, diff_hex, media_type;
  uint64_t blob_size = 0;
};

class LayerIntake {
 public:
  ~LayerIntake();
  LayerIntake(const LayerIntake&) = delete;
  LayerIntake& operator=(const LayerIntake&) = delete;

  const LayerWanted& wanted() const { return wanted_; }

  // --- the feeder, one thread at a time
  // How many bytes are there: where to go on after an interruption, of this process too.
  uint64_t offset() const { return blob_->size(); }
  // Fails when unpacking has failed, the disk is full, or more comes than was announced.
  Result<void> write(const void* data, size_t size);
  // All bytes are there; fails when they are fewer than announced.
  Result<void> end();
  bool ended() const { return ended_; }

  // --- anybody
  // Bytes of the blob that have been decompressed, for a progress bar.
  uint64_t unpacked() const { return blob_->position(); }

  // --- after the set's wait()
  const LayerFacts& facts() const { return facts_; }

 private:
  friend class LayerSet;
  LayerIntake() = default;

  enum class State { kQueued, kRunning, kDone, kPublished };

  LayerWanted wanted_;
  LayerFacts facts_;
  std::optional<Workspace> workspace_;  // "tree"; "blob" when the digest was not known
  std::unique_ptr<BlobFile> blob_;
  bool blob_stored_ = false;  // it is the store's own already
  bool tree_stored_ = false;  // the layer is unpacked already: check its digests only
  bool ended_ = false;
  // Guarded by the set's mutex.
  State state_ = State::kQueued;
  std::optional<Error> failure_;
  class LayerSet* set_ = nullptr;
};

class LayerSet {
 public:
  // Both are borrowed. Unpacks `workers` layers at once; 0: as many as suits the machine.
  LayerSet(const Store& store, const Limits& limits, unsigned workers = 0);
  // Stops what is still going on. Bytes of a blob whose digest was given stay for the next
  // attempt.
  ~LayerSet();
  LayerSet(const LayerSet&) = delete;
  LayerSet& operator=(const LayerSet&) = delete;

  enum class Busy { kWait, kSkip };
  // A layer to be fed. With a digest, the process that fetches the blob holds a lock on
  // it: when another does, waits until it has done or given up (kWait; never while holding
  // unpublished layers, or two processes wait for each other) or returns nullptr (kSkip).
  // What the other has brought in meanwhile is taken from the store: look at ended().
  Result<LayerIntake*> add(const LayerWanted& wanted, Busy busy = Busy::kWait);
  // A layer whose blob is a file in `dir`, checked already: moved, not copied.
  Result<LayerIntake*> adopt(int dir, const char* name, const LayerWanted& wanted);
  // The first failure there has been.
  Result<void> failure() const;
  // Until all that was added is unpacked. Every layer must have ended.
  Result<void> wait();
  // Puts everything that is done into the store: synced, renamed, `documents` last. Nothing
  // refers to any of it yet. Calls wait().
  Result<void> publish(const std::vector<Document>& documents = {});
  // Layers that are there but not published.
  bool holds_unpublished() const;

 private:
  friend class LayerIntake;
  struct Pool;
  void work();
  Result<LayerFacts> unpack(LayerIntake& layer) const;
  LayerIntake* enqueue(std::unique_ptr<LayerIntake> layer);
  LayerIntake* next_job();
  void ended(LayerIntake& layer);
  void fail(LayerIntake& layer, const Error& failure);

  const Store& store_;
  const Limits& limits_;
  std::vector<std::unique_ptr<LayerIntake>> layers_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace rcrt::image_oci
