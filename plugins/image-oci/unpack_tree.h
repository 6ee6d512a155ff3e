// SPDX-License-Identifier: MIT
#pragma once

#include "base/result.h"
#include "plugins/image-oci/entry_writer.h"
#include "plugins/image-oci/layer_stream.h"

namespace rcrt::image_oci {

// Writes what the stream's archive holds below the directory `root` and reads the stream to
// its end. Its digests are known only then: the caller compares them.
Result<void> unpack_tree(LayerStream& stream, int root, Whiteouts whiteouts, const Limits& limits);

}  // namespace rcrt::image_oci
