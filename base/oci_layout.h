// SPDX-License-Identifier: MIT
// Documents of an OCI image layout, read with nothing taken on trust: digests are checked
// before they become paths, sizes are bounded, types are looked at before use.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rcrt {

using Json = nlohmann::json;

struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:<64 hex>", checked
  uint64_t size = 0;
  std::string name;                       // annotation org.opencontainers.image.ref.name
  std::string os, architecture, variant;  // platform, when it says
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};

bool is_sha256_digest(std::string_view digest);

Result<Descriptor> parse_descriptor(const Json& json);
// The manifests of an index; entries that are neither a manifest nor an index are skipped.
Result<std::vector<Descriptor>> parse_index(const Json& json);
Result<Manifest> parse_manifest(const Json& json);
// As Go names it, "amd64".
std::string_view machine_architecture();
// Of a multi-platform index, the manifest for this machine; nullptr when there is none.
const Descriptor* for_this_machine(const std::vector<Descriptor>& entries);
// "rootfs.diff_ids" of an image configuration, as hex without "sha256:", lowest first.
Result<std::vector<std::string>> parse_diff_ids(const Json& config);
// Seconds since the epoch of an RFC 3339 time; 0 when it is none.
int64_t parse_time(const std::string& text);

bool is_index_type(std::string_view media_type);

// Text that must be one JSON object; `object` names it in the error.
Result<Json> parse_object(std::string_view text, const std::string& object);

}  // namespace rcrt
