// SPDX-License-Identifier: MIT
// References to images, as docker reads them:
//   [domain[:port]/]path[:tag][@algorithm:hex]
#include "base/image_reference.h"

#include <algorithm>
#include <string_view>

namespace rcrt {
namespace {

constexpr size_t kLongestName = 255;
constexpr size_t kLongestTag = 128;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z'); }

// Lower-case letters and digits, with single separators between: ".", "_", "__", "-"...
bool is_path_component(std::string_view s) {
  size_t i = 0;
  while (true) {
    const size_t start = i;
    while (i < s.size() && (is_lower(s[i]) || is_digit(s[i]))) ++i;
    if (i == start) return false;
    if (i == s.size()) return true;
    if (s[i] == '.') {
      ++i;
    } else if (s[i] == '_') {
      i += s.substr(i, 2) == "__" ? 2 : 1;
    } else if (s[i] == '-') {
      while (i < s.size() && s[i] == '-') ++i;
    } else {
      return false;
    }
  }
}

bool is_path(std::string_view s) {
  while (true) {
    const size_t slash = s.find('/');
    if (!is_path_component(s.substr(0, slash))) return false;
    if (slash == s.npos) return true;
    s.remove_prefix(slash + 1);
  }
}

bool is_domain(std::string_view s) {
  if (s.starts_with('[')) {  // [IPv6]
    const size_t close = s.find(']');
    if (close == s.npos || close < 3) return false;
    for (char c : s.substr(1, close - 1))
      if (!is_digit(c) && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F') && c != ':') return false;
    s.remove_prefix(close + 1);
    if (s.empty()) return true;
    if (!s.starts_with(':')) return false;
  } else {
    const size_t colon = s.find(':');
    std::string_view host = s.substr(0, colon);
    s.remove_prefix(host.size());
    while (true) {
      const size_t dot = host.find('.');
      std::string_view label = host.substr(0, dot);
      if (label.empty() || label.front() == '-' || label.back() == '-') return false;
      if (!std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; })) return false;
      if (dot == host.npos) break;
      host.remove_prefix(dot + 1);
    }
    if (s.empty()) return true;
  }
  s.remove_prefix(1);  // ':'
  return !s.empty() && s.size() <= 5 && std::ranges::all_of(s, is_digit);
}

bool is_tag(std::string_view s) {
  if (s.empty() || s.size() > kLongestTag || s.front() == '.' || s.front() == '-') return false;
  return std::ranges::all_of(s, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_hex(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_any_digest(std::string_view s) {
  if (s.starts_with("sha256:")) return s.size() == 7 + 64 && is_hex(s.substr(7));
  if (s.starts_with("sha512:")) return s.size() == 7 + 128 && is_hex(s.substr(7));
  return false;
}

// Whether what comes before the first slash is a registry's host.
bool names_host(std::string_view first) {
  const bool upper = std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; });
  return first.find_first_of(".:[") != first.npos || first == "localhost" || upper;
}

std::unexpected<Error> invalid(const std::string& reference, std::string_view why) {
  return error("invalid image reference", reference, why, EINVAL);
}

}  // namespace

std::string Reference::text() const {
  std::string text = repository();
  if (!tag.empty()) text += ":" + tag;
  if (!digest.empty()) text += "@" + digest;
  return text;
}

bool is_short_name(const std::string& reference) {
  const std::string_view name = std::string_view(reference).substr(0, reference.find('@'));
  const size_t slash = name.find('/');
  return slash == name.npos || !names_host(name.substr(0, slash));
}

Result<std::string> normalize_reference(const std::string& reference) {
  auto parsed = parse_reference(reference);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  return parsed->text();
}

Result<Reference> parse_reference(const std::string& reference) {
  std::string_view rest = reference;
  std::string_view digest, tag;
  if (const size_t at = rest.find('@'); at != rest.npos) {
    digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_any_digest(digest)) return invalid(reference, "a digest is sha256:<64 hexadecimal digits>");
  }
  const size_t last_slash = rest.rfind('/');
  const size_t colon = rest.find(':', last_slash == rest.npos ? 0 : last_slash);
  if (colon != rest.npos) {
    tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(tag)) return invalid(reference, "a tag has up to 128 letters, digits, '_', '.' and '-'");
  }
  if (rest.size() == 64 && is_hex(rest) && tag.empty() && digest.empty())
    return invalid(reference, "a name cannot be 64 hexadecimal digits, those are an image id");

  std::string domain = "docker.io";
  std::string path(rest);
  if (const size_t slash = rest.find('/'); slash != rest.npos) {
    std::string_view first = rest.substr(0, slash);
    if (names_host(first)) {
      domain = first;
      path = rest.substr(slash + 1);
    }
  }
  if (domain == "index.docker.io") domain = "docker.io";
  if (!is_domain(domain)) return invalid(reference, "no such registry host can exist");
  if (!is_path(path))
    return invalid(reference, "a name has lower-case letters and digits, with '.', '_' or '-' between");
  if (domain == "docker.io" && path.find('/') == path.npos) path = "library/" + path;

  Reference parsed{domain, path, std::string(tag), std::string(digest)};
  if (parsed.repository().size() > kLongestName)
    return invalid(reference, "a name has at most 255 characters");
  if (tag.empty() && digest.empty()) parsed.tag = "latest";
  return parsed;
}

}  // namespace rcrt
