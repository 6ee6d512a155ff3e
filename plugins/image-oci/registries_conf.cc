// SPDX-License-Identifier: MIT
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#include "plugins/image-oci/registries_conf.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>

#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kLargestFile = 1 << 20;

std::unexpected<Error> malformed(const std::string& file, std::string_view why) {
  return error("cannot use", file, why, EBADMSG);
}

std::string text_of(const toml::table& table, std::string_view key) {
  return table[key].value_or(std::string());
}

// A registry's prefix or location: host, and a path where there is one.
bool is_location(std::string_view text) {
  if (text.empty() || text.size() > 512 || text.starts_with('/') || text.ends_with('/')) return false;
  if (text.find("://") != text.npos || text.find("..") != text.npos) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:/[]*").find(c) != std::string_view::npos;
  });
}

// How much of a repository's name a prefix covers; 0 when it does not.
size_t covered(const std::string& prefix, const std::string& repository) {
  if (prefix.starts_with("*.")) {  // any host below
    const size_t end = repository.find('/');
    const std::string host = repository.substr(0, end);
    const std::string_view tail = std::string_view(prefix).substr(1);
    return host.size() > tail.size() && host.ends_with(tail) ? host.size() : 0;
  }
  if (!repository.starts_with(prefix)) return 0;
  return repository.size() == prefix.size() || repository[prefix.size()] == '/' ? prefix.size() : 0;
}

// docker.io is the name of a registry that listens elsewhere.
std::string api_host(const std::string& domain) {
  return domain == "docker.io" || domain == "index.docker.io" ? "registry-1.docker.io" : domain;
}

Result<Endpoint> endpoint(const std::string& location, const std::string& rest, bool insecure, bool mirror) {
  std::string full = location + rest;
  const size_t slash = full.find('/');
  // The rewritten name must still be one: nothing else becomes a part of an address.
  auto checked = parse_reference(full);
  if (slash == full.npos || !checked)
    return error("registries.conf makes no valid repository of", full, "look at its location", EINVAL);
  return Endpoint{api_host(full.substr(0, slash)), full.substr(slash + 1), insecure, mirror};
}

}  // namespace

Result<RegistriesConf> RegistriesConf::load(const std::string& file, const std::string& folder) {
  RegistriesConf conf;
  std::vector<std::string> files;
  if (!file.empty()) files.push_back(file);
  UniqueFd dir(folder.empty() ? -1 : open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir) {
    RCRT_ASSIGN(auto names, names_in(dir.get()));
    std::ranges::sort(names);
    for (const std::string& name : names)
      if (name.ends_with(".conf")) files.push_back(folder + "/" + name);
  }
  for (const std::string& path : files) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd && errno == ENOENT) continue;
    if (!fd) return errno_error("cannot open", path);
    struct stat info{};
    if (fstat(fd.get(), &info) != 0) return errno_error("cannot stat", path);
    if (S_ISCHR(info.st_mode)) continue;  // /dev/null
    if (!S_ISREG(info.st_mode)) return error("not a regular file", path, {}, EBADMSG);
    if (static_cast<uint64_t>(info.st_size) > kLargestFile) return error("too large", path, {}, EFBIG);
    std::string text(static_cast<size_t>(info.st_size), '\0');
    RCRT_ASSIGN(const size_t size, read_full(fd.get(), text.data(), text.size()));
    text.resize(size);
    RCRT_TRY(conf.add(text, path));
  }
  return conf;
}

Result<void> RegistriesConf::add(std::string_view text, const std::string& file) {
  // toml++ 3.0 is undefined for some letters outside of strings and comments. Nothing that counts
  // here has any but ASCII's.
  std::string plain(text);
  std::ranges::replace_if(plain, [](char c) { return static_cast<unsigned char>(c) > 0x7f; }, '?');
  const toml::parse_result parsed = toml::parse(plain);
  if (!parsed)
    return malformed(file, "line " + std::to_string(parsed.error().source().begin.line) + ": " +
                               std::string(parsed.error().description()));
  const toml::table& top = parsed.table();
  if (const toml::table* old = top["registries"].as_table(); old != nullptr)
    return malformed(file,
                     "[registries.*] is the old form; write unqualified-search-registries and [[registry]]");

  if (const toml::node* search = top.get("unqualified-search-registries"); search != nullptr) {
    const toml::array* list = search->as_array();
    if (list == nullptr) return malformed(file, "unqualified-search-registries is not a list");
    search_.clear();
    searched_ = true;
    for (const toml::node& entry : *list) {
      const std::string host = entry.value_or(std::string());
      if (!is_location(host))
        return malformed(file, "unqualified-search-registries names no registry: " + host);
      search_.push_back(host);
    }
  }
  if (top.contains("short-name-mode")) {
    short_name_mode_ = text_of(top, "short-name-mode");
    if (short_name_mode_ != "enforcing" && short_name_mode_ != "permissive" && short_name_mode_ != "disabled")
      return malformed(file, "short-name-mode is enforcing, permissive or disabled");
  }
  if (const toml::table* aliases = top["aliases"].as_table(); aliases != nullptr)
    for (const auto& [name, value] : *aliases) {
      const std::string target = value.value_or(std::string());
      if (target.empty())
        aliases_.erase(std::string(name.str()));  // an empty one takes an alias back
      else
        aliases_[std::string(name.str())] = target;
    }

  const toml::node* registries = top.get("registry");
  if (registries == nullptr) return {};
  if (registries->as_array() == nullptr) return malformed(file, "registry is not a list: write [[registry]]");
  for (const toml::node& node : *registries->as_array()) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return malformed(file, "a registry is not a table");
    Registry registry;
    registry.location = text_of(*table, "location");
    registry.prefix = text_of(*table, "prefix");
    if (registry.prefix.empty()) registry.prefix = registry.location;
    const bool wild = registry.prefix.starts_with("*.");
    if (registry.location.empty() && !wild) registry.location = registry.prefix;
    if (!is_location(registry.prefix) || registry.prefix.find('*', wild ? 1 : 0) != std::string::npos)
      return malformed(file, "not a registry's prefix: " + registry.prefix);
    if (!registry.location.empty() &&
        (!is_location(registry.location) || registry.location.find('*') != std::string::npos))
      return malformed(file, "not a registry's location: " + registry.location);
    registry.insecure = (*table)["insecure"].value_or(false);
    registry.blocked = (*table)["blocked"].value_or(false);
    const bool by_digest = (*table)["mirror-by-digest-only"].value_or(false);
    if (const toml::array* mirrors = (*table)["mirror"].as_array(); mirrors != nullptr)
      for (const toml::node& entry : *mirrors) {
        const toml::table* mirror = entry.as_table();
        if (mirror == nullptr) return malformed(file, "a mirror is not a table");
        Mirror added{text_of(*mirror, "location"), (*mirror)["insecure"].value_or(false),
                     text_of(*mirror, "pull-from-mirror")};
        if (!is_location(added.location) || added.location.find('*') != std::string::npos)
          return malformed(file, "not a mirror's location: " + added.location);
        if (added.pull_from.empty()) added.pull_from = by_digest ? "digest-only" : "all";
        registry.mirrors.push_back(std::move(added));
      }
    registries_[registry.prefix] = std::move(registry);
  }
  return {};
}

Result<std::vector<Reference>> RegistriesConf::candidates(const std::string& reference) const {
  RCRT_ASSIGN(Reference full, parse_reference(reference));
  std::vector<Reference> found;
  if (!is_short_name(reference)) return std::vector{full};
  const std::string name = reference.substr(0, reference.find_first_of(":@"));
  if (auto alias = aliases_.find(name); alias != aliases_.end()) {
    auto target = parse_reference(alias->second);
    if (!target || is_short_name(alias->second) || !target->digest.empty())
      return error("registries.conf has no valid alias for", name, "an alias is HOST/NAME", EINVAL);
    target->tag = full.tag;
    target->digest = full.digest;
    return std::vector{*target};
  }
  if (!searched_) return std::vector{full};  // docker.io
  if (search_.empty())
    return error("short name without a registry to search", reference, "write it as HOST/NAME", ENOENT);
  if (search_.size() > 1 && short_name_mode_ == "enforcing") {
    std::string names;
    for (const std::string& host : search_) names += (names.empty() ? "" : ", ") + host + "/" + name;
    return error("short name may mean several images", reference, "write one of " + names, EINVAL);
  }
  const std::string tail = reference.substr(name.size());
  for (const std::string& host : search_) {
    // "docker.io/busybox" is docker.io/library/busybox.
    RCRT_ASSIGN(Reference candidate, parse_reference(host + "/" + name + tail));
    found.push_back(std::move(candidate));
  }
  return found;
}

const RegistriesConf::Registry* RegistriesConf::find(const Reference& reference) const {
  const Registry* best = nullptr;
  size_t longest = 0;
  for (const auto& [prefix, registry] : registries_) {
    const size_t size = covered(prefix, reference.repository());
    // Of two that cover the same, the one without a wild card.
    if (size > longest || (size == longest && size > 0 && !prefix.starts_with("*."))) {
      best = &registry;
      longest = size;
    }
  }
  return best;
}

Result<Endpoint> RegistriesConf::push_endpoint(const Reference& reference) const {
  const Registry* registry = find(reference);
  const std::string repository = reference.repository();
  if (registry == nullptr) return endpoint(repository, "", false, false);
  if (registry->blocked) return error("registry is blocked by registries.conf", registry->prefix, {}, EACCES);
  if (registry->location.empty()) return endpoint(repository, "", registry->insecure, false);
  return endpoint(registry->location, repository.substr(covered(registry->prefix, repository)),
                  registry->insecure, false);
}

Result<Endpoint> RegistriesConf::login_endpoint(const std::string& registry) const {
  // Any repository of it tells how it is spoken to.
  auto reference = parse_reference(registry + "/any");
  if (!reference || reference->domain != (registry == "index.docker.io" ? "docker.io" : registry))
    return error("not a registry", registry, "write it as HOST[:PORT]", EINVAL);
  RCRT_ASSIGN(Endpoint found, push_endpoint(*reference));
  found.repository.clear();
  return found;
}

Result<std::vector<Endpoint>> RegistriesConf::pull_endpoints(const Reference& reference) const {
  RCRT_ASSIGN(Endpoint own, push_endpoint(reference));
  std::vector<Endpoint> found;
  if (const Registry* registry = find(reference); registry != nullptr) {
    const std::string repository = reference.repository();
    const std::string rest = repository.substr(covered(registry->prefix, repository));
    for (const Mirror& mirror : registry->mirrors) {
      const bool by_digest = !reference.digest.empty();
      if (mirror.pull_from == (by_digest ? "tag-only" : "digest-only")) continue;
      RCRT_ASSIGN(Endpoint at, endpoint(mirror.location, rest, mirror.insecure, true));
      found.push_back(std::move(at));
    }
  }
  found.push_back(std::move(own));
  return found;
}

}  // namespace rcrt::image_oci
