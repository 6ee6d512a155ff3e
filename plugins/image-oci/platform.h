// SPDX-License-Identifier: MIT
// Which of an index's images is meant.
#pragma once

#include <string>
#include <vector>

#include "base/oci_layout.h"
#include "base/result.h"

namespace rcrt::image_oci {

struct Platform {
  std::string os, architecture, variant;  // as Go names them; variant may be empty

  std::string text() const { return os + "/" + architecture + (variant.empty() ? "" : "/" + variant); }
};

Platform host_platform();
// "linux/arm64/v8", "arm64" (the host's system); other spellings ("x86_64") are taken too.
Result<Platform> parse_platform(const std::string& text);
// The manifest that suits best: the variant asked for, else the next lower one.
Result<Descriptor> choose_platform(const std::vector<Descriptor>& entries, const Platform& wanted,
                                   const std::string& object);

}  // namespace rcrt::image_oci
