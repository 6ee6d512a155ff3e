// SPDX-License-Identifier: MIT
#include "plugins/image-oci/platform.h"

#include <algorithm>

namespace rcrt::image_oci {
namespace {

std::string architecture_name(const std::string& text) {
  if (text == "x86_64" || text == "x86-64") return "amd64";
  if (text == "aarch64") return "arm64";
  if (text == "i386" || text == "i686") return "386";
  if (text == "armhf" || text == "armel") return "arm";
  return text;
}

bool is_name(const std::string& text) {
  return !text.empty() && text[0] != '.' && text.size() < 32 &&
         std::ranges::all_of(
             text,
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
             });
}

// "v7" -> 7. What an architecture is without a variant: amd64 v1, arm64 v8, arm v7.
int level(const std::string& architecture, const std::string& variant) {
  if (variant.size() >= 2 && variant[0] == 'v' && variant[1] >= '0' && variant[1] <= '9')
    return variant[1] - '0';
  if (!variant.empty()) return -1;
  if (architecture == "arm64") return 8;
  if (architecture == "arm") return 7;
  return architecture == "amd64" ? 1 : 0;
}

}  // namespace

Platform host_platform() {
#if defined(__x86_64__)
  return {"linux", "amd64", ""};
#elif defined(__aarch64__)
  return {"linux", "arm64", ""};
#else
#error "name this architecture as Go does"
#endif
}

Result<Platform> parse_platform(const std::string& text) {
  if (text.empty()) return host_platform();
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '/')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  if (parts.size() > 3 || !std::ranges::all_of(parts, is_name))
    return error("invalid platform", text, "write it as OS/ARCHITECTURE[/VARIANT]: linux/arm64", EINVAL);
  if (parts.size() == 1) return Platform{host_platform().os, architecture_name(parts[0]), ""};
  return Platform{parts[0], architecture_name(parts[1]), parts.size() == 3 ? parts[2] : ""};
}

Result<Descriptor> choose_platform(const std::vector<Descriptor>& entries, const Platform& wanted,
                                   const std::string& object) {
  const int limit = level(wanted.architecture, wanted.variant);
  const Descriptor* best = nullptr;
  int best_level = -1;
  std::string known;
  for (const Descriptor& entry : entries) {
    if (is_index_type(entry.media_type) || entry.os.empty() || entry.os == "unknown") continue;
    const std::string architecture = architecture_name(entry.architecture);
    known += (known.empty() ? "" : ", ") + Platform{entry.os, architecture, entry.variant}.text();
    if (entry.os != wanted.os || architecture != wanted.architecture) continue;
    const bool same = entry.variant == wanted.variant;
    const int have = level(architecture, entry.variant);
    // A variant of another kind ("sse2") must be the very one.
    if (!same && (have < 0 || limit < 0 || have > limit)) continue;
    const int rank = same ? 100 : have;
    if (rank > best_level) {
      best = &entry;
      best_level = rank;
    }
  }
  if (best == nullptr)
    return error("no image for " + wanted.text() + " in", object,
                 known.empty() ? "it names no platforms" : "it has " + known, ENOENT);
  return *best;
}

}  // namespace rcrt::image_oci
