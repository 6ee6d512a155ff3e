// SPDX-License-Identifier: MIT
// The image store, for writing (include/rcrt/image.h has its layout). Nothing becomes
// visible before it is whole and on disk: contents are made in incoming/, synced and
// renamed, and index.json names an image last.
//
//   layers/.lock   shared while contents are added, exclusive while they are deleted
//   images/.lock   exclusive while index.json is changed; taken after the other
#pragma once

#include <string>
#include <vector>

#include "base/image_names.h"
#include "base/oci_layout.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::image_oci {

// A manifest or configuration, named by its digest.
struct Document {
  Document(std::string text, std::string media_type);
  Document(const Json& json, std::string media_type);
  Json descriptor() const;

  std::string hex, text, media_type;
};

class Store {
 public:
  // Makes the store's folders when they are missing.
  static Result<Store> open(const std::string& root);

  // Until the descriptor is closed, nothing is deleted. base/image_index.h has the lock on index.json.
  Result<UniqueFd> hold_contents() const;

  // Gives a manifest a name, taking it from whatever had it; what else the descriptor says
  // (annotations, platform) is kept, and so is an image that loses its last name. With an empty
  // name it is only listed. Takes the lock on index.json.
  Result<void> tag(const Json& descriptor, const std::string& name) const;

  // A document named by its digest, which is checked, and its text.
  Result<std::string> read_text(const Descriptor& descriptor) const;
  Result<Json> read_document(const Descriptor& descriptor) const;

  bool has_blob(const std::string& hex, uint64_t size) const;
  bool has_layer(const std::string& hex) const;  // unpacked
  Result<UniqueFd> open_blob(const std::string& hex) const;

  // What layer_intake.h publishes with. The contents are synced before they are placed, the
  // folders afterwards.
  // Moves a file of incoming/ to blobs/sha256/<hex>.
  Result<void> place_blob(int from, const char* name, const std::string& hex) const;
  // Moves an unpacked tree of incoming/ to layers/<hex>, if there is none.
  Result<void> place_layer(int from, const char* name, const std::string& hex) const;
  // The short link to layers/<hex>, unless it is there.
  Result<void> link_layer(const std::string& hex) const;
  Result<void> sync_contents() const;

  int images() const { return images_.get(); }
  int blobs() const { return blobs_.get(); }
  int layers() const { return layers_.get(); }
  int links() const { return links_.get(); }
  int incoming() const { return incoming_.get(); }
  int partial() const { return partial_.get(); }

 private:
  UniqueFd images_, blobs_, layers_, links_, incoming_, partial_;
};

// A folder of its own in incoming/, deleted with all in it when this goes. What a killed
// process leaves there, prune deletes.
class Workspace {
 public:
  static Result<Workspace> make(const Store& store);
  Workspace(Workspace&& other) noexcept = default;
  Workspace& operator=(Workspace&&) = delete;
  ~Workspace();

  int fd() const { return fd_.get(); }

 private:
  Workspace() = default;
  int incoming_ = -1;
  std::string name_;
  UniqueFd fd_;
};

// The entry of index.json named (as stored, normalised, or by its full id).
Result<ImageEntry> find_entry(const Store& store, const std::string& name);

// The manifest named (as stored, normalised, or by its full id) and its descriptor.
struct FoundImage {
  Descriptor descriptor;
  Manifest manifest;
  std::vector<std::string> diff_ids;
};
Result<FoundImage> find_image(const Store& store, const std::string& name);

}  // namespace rcrt::image_oci
