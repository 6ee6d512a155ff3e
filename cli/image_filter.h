// SPDX-License-Identifier: MIT
// --filter of images and image prune.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine.h"

namespace rcrt::cli {

inline constexpr const char* kImageFilters =
    "dangling=true|false, reference=PATTERN, before=IMAGE, since=IMAGE, until=TIME|DURATION, "
    "label=KEY[=VALUE]; several: all must hold";

// True for an entry that all the filters let pass. Fails for what is no filter. The engine must
// outlive the function.
Result<std::function<bool(const ImageEntry&)>> image_filter(Engine& engine,
                                                            const std::vector<std::string>& words);

// "docker.io/library/busybox:latest" as docker shows it: "busybox:latest".
std::string familiar_name(const std::string& name);
// Whether a name has what a pattern can have.
bool is_pattern(const std::string& text);
// A shell pattern ("*", "?", "[a-z]"; "*" stops at "/") against a text, as docker's reference filter.
bool matches_pattern(const std::string& pattern, const std::string& text);

}  // namespace rcrt::cli
