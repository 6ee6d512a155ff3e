// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"

namespace rcrt {

// A reference, taken apart: "docker.io", "library/busybox", "latest", "".
struct Reference {
  std::string domain;  // with its port
  std::string path;
  std::string tag;     // "latest" when it names neither a tag nor a digest
  std::string digest;  // "sha256:<hex>" or ""

  std::string repository() const { return domain + "/" + path; }
  std::string text() const;
};
Result<Reference> parse_reference(const std::string& reference);

// Whether a reference leaves it open which registry it means: "busybox", "team/app".
bool is_short_name(const std::string& reference);

// "busybox" -> "docker.io/library/busybox:latest" as docker reads references; an Error
// for what no reference can be. "localhost/x" and "host:5000/x" keep their host.
Result<std::string> normalize_reference(const std::string& reference);

}  // namespace rcrt
