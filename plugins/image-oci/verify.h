// SPDX-License-Identifier: MIT
// Reads everything again: is what the store holds what its names say?
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

struct Problem {
  std::string what;                 // "wrong content"
  std::string object;               // "sha256:..." of a blob, or a layer's path
  std::vector<std::string> images;  // names or digests of who needs it
};

struct VerifyRequest {
  std::vector<std::string> images;  // names or full ids; empty: all, and what no image refers to
  bool trees = true;                // compare the unpacked layers too, by unpacking them again
  Limits limits;
  std::function<void(const std::string& digest, uint64_t size)> checked;  // progress
};

struct Verified {
  uint64_t blobs = 0, layers = 0, bytes = 0;
  std::vector<Problem> problems;
};
// An Error is what kept it from looking; what it has found is in the result.
Result<Verified> verify_store(const Store& store, const VerifyRequest& request);

// The first difference between two trees, as a line; empty when there is none. Times of access
// are not looked at.
Result<std::string> compare_trees(int one, int other);

}  // namespace rcrt::image_oci
