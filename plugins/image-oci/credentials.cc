// SPDX-License-Identifier: MIT
#include "plugins/image-oci/credentials.h"

#include "base/oci_layout.h"
#include "plugins/image-oci/base64.h"

namespace rcrt::image_oci {
namespace {

constexpr const char* kNoHelper =
    "rcrt runs no helper program: use `rcrt login`, or name a file that has the credentials with --authfile";

std::unexpected<Error> malformed(const std::string& file, std::string_view why) {
  return error("cannot use credentials file", file, why, EBADMSG);
}

Result<Json> parse_file(std::string_view text, const std::string& file) {
  if (text.find_first_not_of(" \t\r\n") == text.npos) return Json::object();
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return malformed(file, "it is not a JSON object");
  for (const char* member : {"auths", "credHelpers"})
    if (auto it = json.find(member); it != json.end() && !it->is_null() && !it->is_object())
      return malformed(file, std::string("its ") + member + " is not an object");
  return json;
}

// "https://index.docker.io/v1/" -> "docker.io"; "quay.io/team" stays.
std::string canonical(std::string name) {
  const bool has_scheme = name.starts_with("https://") || name.starts_with("http://");
  if (has_scheme) name = name.substr(name.find("://") + 3);
  for (const char* tail : {"/v1/", "/v2/", "/v1", "/v2", "/"})
    if (name.ends_with(tail)) {
      name.resize(name.size() - std::string_view(tail).size());
      break;
    }
  const std::string host = name.substr(0, name.find('/'));
  if (host == "index.docker.io" || host == "registry-1.docker.io") name.replace(0, host.size(), "docker.io");
  return name;
}

// Whether an entry's name covers a repository; the longer the better.
bool covers(const std::string& name, const std::string& full) {
  return full.starts_with(name) && (full.size() == name.size() || full[name.size()] == '/');
}

std::string text_of(const Json& json, const char* member) {
  auto it = json.find(member);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Result<std::optional<Credentials>> from_entry(const Json& entry, const std::string& file) {
  Credentials found;
  if (!entry.is_object()) return malformed(file, "an entry is not an object");
  found.identity_token = text_of(entry, "identitytoken");
  found.username = text_of(entry, "username");
  found.password = text_of(entry, "password");
  if (const std::string auth = text_of(entry, "auth"); !auth.empty()) {
    auto plain = base64_decode(auth);
    const size_t colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos)
      return malformed(file, "an \"auth\" in it is not base64 of USER:PASSWORD");
    found.username = plain->substr(0, colon);
    found.password = plain->substr(colon + 1);
    while (found.password.ends_with('\0')) found.password.pop_back();
  }
  if (found.username.find_first_of(":\r\n") != std::string::npos)
    return malformed(file, "a user's name in it has a colon or a line break");
  if (found.username.empty() && found.identity_token.empty()) return std::optional<Credentials>();
  return found;
}

}  // namespace

Result<std::optional<Credentials>> credentials_in(std::string_view text, const std::string& file,
                                                  const std::string& registry,
                                                  const std::string& repository) {
  RCRT_ASSIGN(const Json json, parse_file(text, file));
  const std::string full = canonical(registry) + "/" + repository;
  auto best = [&](const char* member) -> std::pair<const Json*, size_t> {
    std::pair<const Json*, size_t> found{nullptr, 0};
    if (auto map = json.find(member); map != json.end() && map->is_object())
      for (const auto& [name, entry] : map->items()) {
        const std::string key = canonical(name);
        if (!key.empty() && key.size() >= found.second && covers(key, full)) found = {&entry, key.size()};
      }
    return found;
  };
  const auto [helper, helper_size] = best("credHelpers");
  const auto [entry, entry_size] = best("auths");
  if (helper != nullptr && helper_size >= entry_size && helper->is_string() &&
      !helper->get_ref<const std::string&>().empty())
    return error("credentials of " + registry + " are kept by helper program", helper->get<std::string>(),
                 kNoHelper, ENOTSUP);
  if (entry == nullptr) return std::optional<Credentials>();
  RCRT_ASSIGN(auto found, from_entry(*entry, file));
  // docker leaves an empty entry for what it gave to the store.
  if (const std::string store = text_of(json, "credsStore"); !found && !store.empty())
    return error("credentials of " + registry + " are kept by helper program", store, kNoHelper, ENOTSUP);
  return found;
}

Result<std::string> with_credentials(std::string_view text, const std::string& file,
                                     const std::string& registry, const Credentials* credentials,
                                     bool* changed) {
  RCRT_ASSIGN(Json json, parse_file(text, file));
  const std::string wanted = canonical(registry);
  Json auths = Json::object();
  *changed = false;
  if (auto have = json.find("auths"); have != json.end() && have->is_object())
    for (const auto& [name, entry] : have->items()) {
      if (canonical(name) == wanted)
        *changed = true;
      else
        auths[name] = entry;
    }
  if (credentials != nullptr) {
    if (const std::string store = text_of(json, "credsStore"); !store.empty())
      return error("this file leaves its credentials to helper program", store, kNoHelper, ENOTSUP);
    // docker looks for its own registry under its old address only.
    const std::string name = wanted == "docker.io" ? "https://index.docker.io/v1/" : registry;
    auths[name] = {{"auth", base64_encode(credentials->username + ":" + credentials->password)}};
    *changed = true;
  }
  json["auths"] = std::move(auths);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rcrt::image_oci
