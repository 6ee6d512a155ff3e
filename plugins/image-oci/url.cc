// SPDX-License-Identifier: MIT
#include "plugins/image-oci/url.h"

#include <algorithm>

namespace rcrt::image_oci {
namespace {

constexpr size_t kLongestUrl = 16 << 10;

std::unexpected<Error> bad(std::string_view text) {
  return error("not an address the registry may name", text.substr(0, 200), {}, EBADMSG);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view own_port(std::string_view scheme) { return scheme == "https" ? "443" : "80"; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    if (host.size() < 4 || !host.ends_with(']')) return false;
    return std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
  }
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
  });
}

}  // namespace

std::string Url::authority() const { return port == own_port(scheme) ? host : host + ":" + port; }

std::string Url::text() const { return scheme + "://" + authority() + target; }

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kLongestUrl) return bad(text);
  // No blanks, no control characters, no bytes that are not ASCII.
  if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) return bad(text);
  const size_t colon = text.find("://");
  if (colon == text.npos) return bad(text);
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad(text);
  std::string_view rest = text.substr(colon + 3);
  const size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != authority.npos) return bad(text);
  const size_t bracket = authority.rfind(']');
  const size_t port = authority.find(':', bracket == authority.npos ? 0 : bracket);
  url.host = lower(authority.substr(0, port));
  if (!is_host(url.host)) return bad(text);
  if (port != authority.npos) url.port = authority.substr(port + 1);
  if (url.port.size() > 5 || !std::ranges::all_of(url.port, is_digit)) return bad(text);
  if (url.port.empty()) url.port = own_port(url.scheme);
  std::string_view target = end == rest.npos ? "" : rest.substr(end);
  target = target.substr(0, target.find('#'));
  if (!target.starts_with('/')) url.target = "/";
  url.target += target;
  return url;
}

Result<Url> resolve_url(const Url& base, std::string_view location) {
  if (location.starts_with("//")) return parse_url(base.scheme + ":" + std::string(location));
  if (location.find("://") != location.npos && location.find("://") < location.find_first_of("/?#"))
    return parse_url(location);
  const std::string origin = base.scheme + "://" + base.authority();
  if (location.starts_with('/')) return parse_url(origin + std::string(location));
  const std::string path = base.target.substr(0, base.target.find('?'));
  if (location.starts_with('?')) return parse_url(origin + path + std::string(location));
  return parse_url(origin + path.substr(0, path.rfind('/') + 1) + std::string(location));
}

std::string escape_query(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kDigits[static_cast<unsigned char>(c) >> 4];
      escaped += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return escaped;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace rcrt::image_oci
