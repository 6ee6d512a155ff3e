// SPDX-License-Identifier: MIT
// An image on its way into the store, for whoever brings its blobs: a download, an archive,
// a folder.
//
//   auto intake = ImageIntake::begin(store, {manifest, media type, configuration}, limits);
//   while (!intake->done()) {
//     while (running < N && (layer = next()))     next(): a layer to fetch, or nullptr
//       start fetching layer->wanted().blob_hex from layer->offset()
//     ... layer->write(), layer->end() as the bytes come ...
//   }
//   Json descriptor = intake->commit();            everything checked, synced, in the store
//   store.tag(descriptor, name);
//
// Destroyed before commit(), it leaves what it has fetched of blobs for the next attempt and
// nothing else.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/layer_intake.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

// As they came, byte for byte: their digests are taken of these texts.
struct ImageDocuments {
  std::string manifest, media_type;
  std::string config;
};

class ImageIntake {
 public:
  // Checks the documents (the configuration against the manifest's digest; the manifest
  // against its own is the caller's part) and holds the store's lock against deletion.
  // Store and limits are borrowed.
  static Result<std::unique_ptr<ImageIntake>> begin(const Store& store, ImageDocuments documents,
                                                    const Limits& limits);

  // Another layer to fetch; nullptr when nothing can be started now. Layers that are in the
  // store, or whose bytes an earlier attempt left, are never returned. One that another
  // process is fetching is left for the end and waited for then, when no layer of ours is
  // running; it comes back from here if the other gives up. Fails when unpacking of any
  // layer has failed.
  Result<LayerIntake*> next();
  // Every blob is there.
  bool done() const;
  // Has the board tell of every layer, from here on. It outlives this.
  void show_on(ProgressBoard& board);
  // What is told of the blob; null when nothing is.
  BlobProgress* shown(const std::string& blob_hex) const;
  // What is left to be fetched, for a progress bar: of all layers, those running too.
  uint64_t bytes_missing() const;

  // Unpacks what is left, checks, stores. The manifest's descriptor, for Store::tag().
  Result<Json> commit();
  // The same without the documents: they are there.
  Result<void> unpack();

  const Manifest& manifest() const { return manifest_; }
  const std::string& image_id() const { return manifest_.config.digest; }
  LayerSet& layers() { return *layers_; }

 private:
  ImageIntake() = default;
  Result<bool> start(const LayerWanted& wanted, LayerSet::Busy busy, LayerIntake** to_feed);
  bool running() const;

  const Store* store_ = nullptr;
  ImageDocuments documents_;
  Manifest manifest_;
  UniqueFd held_;
  std::unique_ptr<LayerSet> layers_;
  std::vector<LayerWanted> waiting_;  // not begun yet, lowest first
  std::vector<LayerIntake*> begun_;
  std::map<std::string, BlobProgress*> shown_;  // by the blob's hex
};

}  // namespace rcrt::image_oci
