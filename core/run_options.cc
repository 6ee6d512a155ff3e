// SPDX-License-Identifier: MIT
#include "core/run_options.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/path.h"
#include "core/files.h"
#include "core/names.h"

namespace rcrt {
namespace {

template <typename T>
std::optional<T> decimal(const std::string& text) {
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::unexpected<Error> usage(const char* what, const std::string& text, const char* form) {
  return error(std::string("invalid ") + what, text, std::string("write it as ") + form, EINVAL);
}

// An absolute path inside the container, cleaned of "..".
Result<std::string> inside_path(const std::string& path, const std::string& whole) {
  if (path.empty() || path[0] != '/')
    return error("invalid mount", whole, "the target inside the container is an absolute path", EINVAL);
  std::string clean = "/" + clean_path(path);
  if (clean == "/") return error("invalid mount", whole, "the root itself is not a target", EINVAL);
  return clean;
}

Result<std::pair<unsigned, unsigned>> port_range(const std::string& text, const std::string& whole) {
  auto dash = text.find('-');
  auto first = decimal<unsigned>(text.substr(0, dash));
  auto last = dash == std::string::npos ? first : decimal<unsigned>(text.substr(dash + 1));
  if (!first || !last || *first > *last || *last > 65535)
    return usage("port", whole, "[IP:][HOSTPORT:]PORT[/tcp|udp|sctp], ports from 1 to 65535");
  return std::pair{*first, *last};
}

Result<void> add_option(BindMount& mount, const std::string& word, const std::string& whole) {
  static constexpr std::array known = {"rbind",  "bind",   "private", "rprivate", "shared", "rshared",
                                       "slave",  "rslave", "nosuid",  "suid",     "nodev",  "dev",
                                       "noexec", "exec",   "noatime", "relatime", "idmap"};
  if (word == "ro" || word == "readonly") {
    mount.read_only = true;
  } else if (word == "rw" || word == "z" || word == "Z" || word.empty() || word == "cached" ||
             word == "delegated" || word == "consistent") {
    // The default; SELinux relabelling has no effect where SELinux is not in use, and how much a
    // virtual machine may keep to itself none where there is none.
  } else if (word == "nocopy" && mount.type == "volume") {
    mount.no_copy = true;
  } else if (std::ranges::find(known, word) != known.end()) {
    mount.options.push_back(word);
  } else {
    return error(
        "unknown mount option \"" + word + "\" in", whole,
        "known: ro rw rbind bind private slave shared (with r-), nosuid nodev noexec noatime relatime idmap",
        EINVAL);
  }
  return {};
}

}  // namespace

std::vector<std::string> split_words(const std::string& text, char separator) {
  std::vector<std::string> words;
  for (size_t start = 0;;) {
    size_t end = text.find(separator, start);
    words.push_back(text.substr(start, end == std::string::npos ? end : end - start));
    if (end == std::string::npos) return words;
    start = end + 1;
  }
}

Result<int64_t> parse_size(const std::string& text, bool allow_unlimited) {
  if (allow_unlimited && text == "-1") return -1;
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string suffix(end, text.data() + text.size());
  std::ranges::transform(suffix, suffix.begin(), [](char c) { return static_cast<char>(tolower(c)); });
  if (suffix.size() == 2 && suffix[1] == 'b') suffix.pop_back();
  if (suffix.size() == 3 && suffix.ends_with("ib")) suffix.resize(1);
  static const std::string suffixes = "bkmgt";
  size_t power = suffix.empty() ? 0 : suffixes.find(suffix);
  if (code != std::errc() || power == std::string::npos || suffix.size() > 1 || !(value >= 0))
    return usage("size", text, "a number with b, k, m, g or t: 64m");
  for (; power > 0; --power) value *= 1024;
  if (value >= 9e18) return usage("size", text, "a number below 8 EiB");
  return static_cast<int64_t>(value);
}

Result<std::vector<PublishedPort>> parse_publish(const std::string& text) {
  std::string rest = text;
  PublishedPort port;
  if (auto slash = rest.find('/'); slash != std::string::npos) {
    port.protocol = rest.substr(slash + 1);
    rest.resize(slash);
    if (port.protocol != "tcp" && port.protocol != "udp" && port.protocol != "sctp")
      return error("unknown protocol \"" + port.protocol + "\" in", text, "use tcp, udp or sctp", EINVAL);
  }
  if (rest.starts_with('[')) {
    auto end = rest.find("]:");
    if (end == std::string::npos) return usage("port", text, "[IP6]:HOSTPORT:PORT");
    port.host_ip = rest.substr(1, end - 1);
    rest = rest.substr(end + 2);
  }
  auto parts = split_words(rest, ':');
  if (parts.size() == 3 && port.host_ip.empty()) {
    port.host_ip = parts[0];
    parts.erase(parts.begin());
  }
  if (parts.size() > 2) return usage("port", text, "[IP:][HOSTPORT:]PORT[/tcp|udp|sctp]");
  std::array<unsigned char, 16> address;
  if (!port.host_ip.empty() && inet_pton(AF_INET, port.host_ip.c_str(), address.data()) != 1 &&
      inet_pton(AF_INET6, port.host_ip.c_str(), address.data()) != 1)
    return error("invalid address \"" + port.host_ip + "\" in", text, "give an IPv4 address or [IPv6]",
                 EINVAL);
  RCRT_ASSIGN(auto inside, port_range(parts.back(), text));
  if (inside.first == 0) return usage("port", text, "[IP:][HOSTPORT:]PORT, PORT from 1 to 65535");
  std::pair<unsigned, unsigned> outside{0, 0};
  bool chosen = parts.size() == 2 && !parts[0].empty();
  if (chosen) {
    RCRT_ASSIGN(outside, port_range(parts[0], text));
    if (outside.second - outside.first != inside.second - inside.first)
      return error("port ranges of different length", text, {}, EINVAL);
  }
  std::vector<PublishedPort> ports;
  for (unsigned i = 0; i <= inside.second - inside.first; ++i) {
    port.container_port = static_cast<uint16_t>(inside.first + i);
    port.host_port = chosen ? static_cast<uint16_t>(outside.first + i) : 0;
    ports.push_back(port);
  }
  return ports;
}

Result<std::vector<PublishedPort>> parse_expose(const std::string& text) {
  if (text.find(':') != std::string::npos) return usage("port to expose", text, "PORT[-PORT][/tcp|udp|sctp]");
  return parse_publish(text);
}

Result<BindMount> parse_volume(const std::string& text) {
  auto parts = split_words(text, ':');
  if (parts.size() == 1)
    parts.insert(parts.begin(), "");
  else if (parts.empty() || parts[0].empty())
    return usage("volume", text, "[/HOST/PATH:|NAME:]/INSIDE[:ro]");
  if (parts.size() > 3) return usage("volume", text, "[/HOST/PATH:|NAME:]/INSIDE[:ro]");
  BindMount mount;
  mount.source = parts[0];
  bool named = mount.source.empty() || (mount.source[0] != '/' && mount.source[0] != '.');
  if (named && !mount.source.empty() && !check_name(mount.source))
    return error("invalid volume", text,
                 "the source is an absolute path on the host, one that begins with ./ or ../, or a volume's "
                 "name of a-z A-Z 0-9 _ . -",
                 EINVAL);
  mount.type = named ? "volume" : "bind";
  mount.create_source = !named;
  if (!named) {
    RCRT_ASSIGN(mount.source, absolute_path(mount.source));
  }
  RCRT_ASSIGN(mount.target, inside_path(parts[1], text));
  if (parts.size() == 3)
    for (const auto& word : split_words(parts[2], ',')) RCRT_TRY(add_option(mount, word, text));
  return mount;
}

// The words that docker knows; none is true.
Result<bool> parse_switch(const std::string& value, const std::string& text) {
  for (const char* word : {"", "1", "t", "T", "TRUE", "true", "True"})
    if (value == word) return true;
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"})
    if (value == word) return false;
  return error("neither true nor false: \"" + value + "\" in mount", text, {}, EINVAL);
}

Result<BindMount> parse_mount(const std::string& text) {
  BindMount mount;
  mount.type.clear();
  for (const auto& pair : split_words(text, ',')) {
    auto equals = pair.find('=');
    std::string key = pair.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : pair.substr(equals + 1);
    if (key == "type") {
      mount.type = value;
    } else if (key == "source" || key == "src") {
      mount.source = value;
    } else if (key == "target" || key == "dst" || key == "destination") {
      RCRT_ASSIGN(mount.target, inside_path(value, text));
    } else if (key == "readonly" || key == "ro") {
      RCRT_ASSIGN(mount.read_only, parse_switch(value, text));
    } else if (key == "bind-propagation") {
      RCRT_TRY(add_option(mount, value, text));
    } else if (key == "idmap") {
      RCRT_ASSIGN(const bool on, parse_switch(value, text));
      if (on) mount.options.push_back("idmap");
    } else if (key == "bind-nonrecursive") {
      RCRT_ASSIGN(const bool on, parse_switch(value, text));
      if (on) mount.options.push_back("bind");
    } else if (key == "volume-nocopy") {
      RCRT_ASSIGN(mount.no_copy, parse_switch(value, text));
    } else if (key == "tmpfs-size") {
      RCRT_ASSIGN(int64_t size, parse_size(value));
      mount.options.push_back("size=" + std::to_string(size));
    } else if (key == "tmpfs-mode") {
      mount.options.push_back("mode=" + value);
    } else {
      return error(
          "unknown key \"" + key + "\" in mount", text,
          "known: type source target readonly idmap bind-propagation bind-nonrecursive volume-nocopy "
          "tmpfs-size tmpfs-mode",
          EINVAL);
    }
  }
  if (mount.type.empty()) mount.type = "volume";
  if (mount.type != "bind" && mount.type != "tmpfs" && mount.type != "volume")
    return error("unknown mount type \"" + mount.type + "\" in", text,
                 "use type=bind, type=volume or type=tmpfs", EINVAL);
  if (mount.target.empty()) return error("no target in mount", text, "add target=/INSIDE", EINVAL);
  if (mount.type == "bind" && (mount.source.empty() || mount.source[0] != '/'))
    return error("no absolute source in mount", text, "add source=/HOST/PATH", EINVAL);
  if (mount.type == "volume" && !mount.source.empty()) RCRT_TRY(check_name(mount.source, "volume name"));
  if (mount.type != "volume" && mount.no_copy)
    return error("volume-nocopy in a mount that is no volume", text, {}, EINVAL);
  return mount;
}

Result<BindMount> parse_tmpfs(const std::string& text) {
  auto colon = text.find(':');
  BindMount mount;
  mount.type = "tmpfs";
  RCRT_ASSIGN(mount.target, inside_path(text.substr(0, colon), text));
  mount.options = {"nosuid", "nodev", "noexec"};
  if (colon == std::string::npos) return mount;
  for (const auto& word : split_words(text.substr(colon + 1), ',')) {
    std::erase(mount.options, "no" + word);  // "exec" replaces the default "noexec"
    if (word == "ro")
      mount.read_only = true;
    else if (!word.empty() && word != "rw")
      mount.options.push_back(word);
  }
  return mount;
}

Result<Json> parse_ulimit(const std::string& text) {
  static constexpr std::array names = {"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                       "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                       "rtprio",  "rttime",   "sigpending", "stack"};
  auto equals = text.find('=');
  std::string name = text.substr(0, equals);
  if (equals == std::string::npos || std::ranges::find(names, name) == names.end())
    return usage("ulimit", text, "NAME=SOFT[:HARD], NAME as in getrlimit(2): nofile, nproc, core ...");
  auto limit = [](const std::string& word) -> std::optional<uint64_t> {
    if (word == "-1" || word == "unlimited") return std::numeric_limits<uint64_t>::max();
    return decimal<uint64_t>(word);
  };
  auto values = split_words(text.substr(equals + 1), ':');
  auto soft = limit(values[0]);
  auto hard = limit(values.back());
  if (values.size() > 2 || !soft || !hard) return usage("ulimit", text, "NAME=SOFT[:HARD]");
  if (*soft > *hard) return error("soft limit above the hard limit", text, {}, EINVAL);
  std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(toupper(c)); });
  return Json{{"type", "RLIMIT_" + name}, {"soft", *soft}, {"hard", *hard}};
}

Result<IdMapping> parse_id_mapping(const std::string& text) {
  auto parts = split_words(text, ':');
  std::array<std::optional<uint32_t>, 3> numbers;
  for (size_t i = 0; i < parts.size() && i < 3; ++i) numbers[i] = decimal<uint32_t>(parts[i]);
  if (parts.size() == 2) numbers[2] = 1;
  if (parts.size() > 3 || !numbers[0] || !numbers[1] || !numbers[2] || *numbers[2] == 0)
    return usage("id mapping", text, "CONTAINER:HOST[:SIZE]");
  return IdMapping{*numbers[0], *numbers[1], *numbers[2]};
}

uint32_t host_id(const std::vector<IdMapping>& mappings, uint32_t id) {
  for (const auto& mapping : mappings)
    if (id >= mapping.container && id - mapping.container < mapping.size)
      return mapping.host + (id - mapping.container);
  return 65534;
}

Result<int> parse_signal(const std::string& text) {
  if (auto value = decimal<int>(text)) {
    if (*value >= 1 && *value <= SIGRTMAX) return *value;
  } else {
    std::string name = text;
    std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(toupper(c)); });
    if (name.starts_with("SIG")) name = name.substr(3);
    for (auto [other, number] : {std::pair{"CLD", SIGCHLD}, {"IO", SIGIO}, {"IOT", SIGIOT}})
      if (name == other) return number;
    for (int number = 1; number < NSIG; ++number) {
      const char* abbreviation = sigabbrev_np(number);
      if (abbreviation != nullptr && name == abbreviation) return number;
    }
    for (auto [name_of_end, end, sign] :
         {std::tuple{"RTMIN", SIGRTMIN, '+'}, std::tuple{"RTMAX", SIGRTMAX, '-'}}) {
      if (!name.starts_with(name_of_end)) continue;
      const std::string rest = name.substr(strlen(name_of_end));
      if (rest.empty()) return end;
      const int offset = rest[0] == sign ? decimal<int>(rest.substr(1)).value_or(-1) : -1;
      if (offset >= 0 && offset <= SIGRTMAX - SIGRTMIN) return sign == '+' ? end + offset : end - offset;
    }
  }
  return error("unknown signal", text, "give a name such as TERM or SIGTERM, or a number", EINVAL);
}

}  // namespace rcrt
