// SPDX-License-Identifier: MIT
#include "plugins/image-oci/unpack_tree.h"

#include "plugins/image-oci/archive_reader.h"

namespace rcrt::image_oci {

Result<void> unpack_tree(LayerStream& stream, int root, Whiteouts whiteouts, const Limits& limits) {
  ArchiveReader reader(stream, limits);
  RCRT_TRY(reader.open());
  EntryWriter writer(root, whiteouts, limits);
  Entry entry;
  while (true) {
    RCRT_ASSIGN(const bool more, reader.next(entry));
    if (!more) break;
    RCRT_TRY(writer.write(entry, reader));
  }
  RCRT_TRY(writer.finish());
  return stream.finish();
}

}  // namespace rcrt::image_oci
