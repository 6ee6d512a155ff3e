// SPDX-License-Identifier: MIT
// images/.names: what index.json says, sorted by name and by id, so that an image is found
// without parsing index.json and without opening every manifest. It says which index.json it
// was made of (inode, size, times); when that is another by now, because somebody else's
// tool has written it, the file counts for nothing and is made anew.
#pragma once

#include <time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"

namespace rcrt {

struct ImageEntry {
  std::string key;        // the name, normalised where it can be; empty without one
  Descriptor descriptor;  // as index.json has it
  std::string id;         // "sha256:<hex>" of the configuration; empty when it cannot be read
  std::string digest;     // of the manifest for this machine; the descriptor's where that is one
  int64_t created = 0;    // seconds since the epoch
  uint64_t size = 0;      // bytes of all layers, as stored
};

// What a name is found by.
std::string image_key(const std::string& name);

class ImageNames {
 public:
  static ImageNames none() { return {}; }
  // From .names when it is index.json's, else from index.json; then .names is written again if
  // that can be done. No store is an empty one.
  static Result<ImageNames> load(int images);
  // The same after `index` was written as index.json, with this time, by the caller, who holds the lock on
  // it. Nothing is done when somebody else has written it since.
  static Result<void> refresh(int images, const Json& index, const timespec& written);

  // The first of the name; names are image_key()s.
  std::optional<ImageEntry> find(std::string_view key) const;
  // Every tag and digest of "docker.io/library/busybox"; with a tag or a digest, what has that name.
  std::vector<ImageEntry> named(std::string_view name) const;
  // Every entry whose id begins with these hexadecimal digits.
  std::vector<ImageEntry> with_id(std::string_view prefix) const;
  std::vector<ImageEntry> all() const;

 private:
  ImageNames() = default;
  static std::optional<ImageNames> open_file(int images, std::string_view stamp);
  static Result<ImageNames> build(int images, const std::string& stamp);
  static Result<ImageNames> build(int images, const std::string& stamp, const Json& index);
  bool parse_header(std::string_view stamp);

  std::shared_ptr<const void> owner_;  // of the text: a mapping, or a string
  std::string_view text_, names_, ids_;
};

}  // namespace rcrt
