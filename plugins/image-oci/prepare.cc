// SPDX-License-Identifier: MIT
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/image_intake.h"
#include "plugins/image-oci/import.h"

namespace rcrt::image_oci {

Result<void> prepare_image(const Store& store, const std::string& name, const Limits& limits) {
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const FoundImage image, find_image(store, name));
  auto prepared = [&]() -> Result<void> {
    ImageDocuments documents;
    documents.media_type = image.descriptor.media_type;
    RCRT_ASSIGN(documents.manifest, store.read_text(image.descriptor));
    RCRT_ASSIGN(documents.config, store.read_text(image.manifest.config));
    RCRT_ASSIGN(const auto intake, ImageIntake::begin(store, std::move(documents), limits));
    while (!intake->done()) {
      RCRT_ASSIGN(const LayerIntake* const missing, intake->next());
      if (missing != nullptr)
        return error("incomplete image, missing", "sha256:" + missing->wanted().blob_hex,
                     "pull or load it again", ENOENT);
    }
    return intake->unpack();
  }();
  if (!prepared) return in_context(prepared.error(), "cannot use image", name);
  return prepared;
}

}  // namespace rcrt::image_oci
