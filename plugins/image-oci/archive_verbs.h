// SPDX-License-Identifier: MIT
// What include/rcrt/image.h says of the verbs that read and write archives.
#pragma once

#include <rcrt/plugin.hpp>

namespace rcrt::image_oci {

sdk::Status load_verb(sdk::Call& call);
sdk::Status save_verb(sdk::Call& call);
sdk::Status archive_verb(sdk::Call& call);
sdk::Status commit_verb(sdk::Call& call);
sdk::Status verify_verb(sdk::Call& call);

}  // namespace rcrt::image_oci
