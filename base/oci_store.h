// SPDX-License-Identifier: MIT
// Reads an image store through a descriptor of its images/ folder, an OCI image layout.
#pragma once

#include <cstdint>
#include <string>

#include "base/oci_layout.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt {

inline constexpr uint64_t kLargestIndex = 64 << 20;    // index.json
inline constexpr uint64_t kLargestDocument = 8 << 20;  // manifest, configuration

// <root>/images; ENOENT when there is no store yet.
Result<UniqueFd> open_images(const std::string& root);

// A whole regular file of at most `limit` bytes; no symbolic link, nothing that waits.
Result<std::string> read_store_file(int images, const std::string& path, uint64_t limit);

// A manifest, index or configuration: there, of the right size, and a JSON object. Its digest is
// not computed.
Result<Json> read_store_document(int images, const Descriptor& descriptor);

// flock(2) on a file of a folder, made if it is missing, until the descriptor is closed; `operation`
// as there.
Result<UniqueFd> lock_file(int folder, const char* name, int operation);

struct MachineManifest {
  Descriptor descriptor;
  Manifest manifest;
};
// The manifest of an entry; of a multi-platform index, the one for this machine.
Result<MachineManifest> read_machine_manifest(int images, Descriptor descriptor);

}  // namespace rcrt
