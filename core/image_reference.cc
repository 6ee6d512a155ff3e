// SPDX-License-Identifier: MIT
// Image references as docker reads them:
//   [host[:port]/]path[/path...][:tag][@digest]
#include <algorithm>

#include "core/image_store.h"

namespace rcrt {
namespace {

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter_or_digit(char c) { return is_word(c) || (c >= 'A' && c <= 'Z'); }

// Words of a-z and 0-9 joined by one '.', one or two '_', or any number of '-'.
bool valid_component(std::string_view text) {
  size_t i = 0;
  while (true) {
    size_t start = i;
    while (i < text.size() && is_word(text[i])) ++i;
    if (i == start) return false;
    if (i == text.size()) return true;
    size_t separators = i;
    char c = text[i];
    while (i < text.size() && text[i] == c) ++i;
    size_t count = i - separators;
    if (!(c == '-' || (c == '.' && count == 1) || (c == '_' && count <= 2))) return false;
  }
}

bool valid_host(std::string_view host) {
  size_t colon = host.npos;
  if (host.starts_with('[')) {
    size_t end = host.find(']');
    if (end == host.npos || end == 1) return false;
    for (char c : host.substr(1, end - 1))
      if (!(is_letter_or_digit(c) || c == ':')) return false;
    if (end + 1 == host.size()) return true;
    colon = end + 1;
    if (host[colon] != ':') return false;
  } else {
    colon = host.find(':');
    std::string_view name = host.substr(0, colon);
    while (true) {
      size_t dot = name.find('.');
      std::string_view label = name.substr(0, dot);
      if (label.empty() || !is_letter_or_digit(label.front()) || !is_letter_or_digit(label.back()))
        return false;
      for (char c : label)
        if (!is_letter_or_digit(c) && c != '-') return false;
      if (dot == name.npos) break;
      name.remove_prefix(dot + 1);
    }
    if (colon == host.npos) return true;
  }
  std::string_view port = host.substr(colon + 1);
  return !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool valid_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || tag[0] == '.' || tag[0] == '-') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-'; });
}

bool valid_digest(std::string_view digest) {
  if (digest.size() != 71 || !digest.starts_with("sha256:")) return false;
  return std::all_of(digest.begin() + 7, digest.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Result<std::string> normalize_reference(const std::string& reference) {
  auto refuse = [&](const char* why) {
    return error("not an image reference", reference.substr(0, 300), why, EINVAL);
  };
  std::string rest = reference, digest, tag;
  if (rest.size() > 512) return refuse("it is too long");
  if (size_t at = rest.find('@'); at != rest.npos) {
    digest = rest.substr(at + 1);
    rest.resize(at);
    if (!valid_digest(digest)) return refuse("after '@' comes sha256: and 64 hexadecimal digits");
  }
  size_t slash = rest.rfind('/');
  if (size_t colon = rest.rfind(':'); colon != rest.npos && (slash == rest.npos || colon > slash)) {
    tag = rest.substr(colon + 1);
    rest.resize(colon);
    if (!valid_tag(tag)) return refuse("a tag is at most 128 letters, digits, '_', '.' and '-'");
  }
  std::string host = "docker.io", path = rest;
  if (slash = rest.find('/'); slash != rest.npos) {
    std::string first = rest.substr(0, slash);
    bool upper = std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (first.find_first_of(".:") != first.npos || first == "localhost" || upper) {
      if (!valid_host(first)) return refuse("the part before the first '/' is no host name");
      host = first;
      path = rest.substr(slash + 1);
    }
  }
  if (host == "index.docker.io") host = "docker.io";
  if (host == "docker.io" && path.find('/') == path.npos) path = "library/" + path;
  for (size_t start = 0; start <= path.size();) {
    size_t end = std::min(path.find('/', start), path.size());
    if (!valid_component(std::string_view(path).substr(start, end - start)))
      return refuse("names are lower-case letters and digits, joined by '.', '_', '__' or '-'");
    start = end + 1;
  }
  if (host.size() + path.size() + 1 > 255) return refuse("the name is longer than 255 characters");
  if (digest.empty() && tag.empty()) tag = "latest";
  std::string full = host + "/" + path;
  if (!tag.empty()) full += ":" + tag;
  // With both, the digest decides, as in docker.
  if (!digest.empty()) full = host + "/" + path + "@" + digest;
  return full;
}

}  // namespace rcrt
