// SPDX-License-Identifier: MIT
// References that users type and other machines name, and the documents of an image.
#include <cstddef>
#include <cstdlib>

#include "base/image_reference.h"
#include "base/oci_layout.h"

namespace {

void require(bool holds) {
  if (!holds) abort();
}

void reference(const std::string& text) {
  auto full = rcrt::normalize_reference(text);
  if (!full) return require(!full.error().what.empty());
  // Whole, and stable; nothing in it steps out of a folder.
  auto again = rcrt::normalize_reference(*full);
  require(again && *again == *full);
  require(full->find('/') != full->npos && full->find("/.") == full->npos && full->find('\0') == full->npos);
}

void descriptor(const rcrt::Descriptor& descriptor) { require(rcrt::is_sha256_digest(descriptor.digest)); }

}  // namespace

// The same bytes as each of them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string text(reinterpret_cast<const char*>(bytes), size);
  reference(text);
  (void)rcrt::parse_time(text);
  auto json = rcrt::parse_object(text, "fuzz");
  if (!json) return 0;
  auto index = rcrt::parse_index(*json);
  auto manifest = rcrt::parse_manifest(*json);
  require(!(index && manifest));  // never both: CVE-2021-41190
  if (index)
    for (const auto& entry : *index) descriptor(entry);
  if (manifest) {
    descriptor(manifest->config);
    for (const auto& layer : manifest->layers) descriptor(layer);
  }
  if (auto diff_ids = rcrt::parse_diff_ids(*json))
    for (const auto& hex : *diff_ids) require(rcrt::is_sha256_digest("sha256:" + hex));
  return 0;
}
