// SPDX-License-Identifier: MIT
#include "core/registry_options.h"

#include <stdlib.h>
#include <unistd.h>

#include <vector>

namespace rcrt {
namespace {

constexpr const char* kRegistriesConf = "/etc/containers/registries.conf";

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

// docker's file; empty when there is no home.
std::string docker_config() {
  if (const std::string dir = variable("DOCKER_CONFIG"); !dir.empty()) return dir + "/config.json";
  const std::string home = variable("HOME");
  return home.empty() ? "" : home + "/.docker/config.json";
}

// podman's, which a reboot deletes.
std::string podman_auth() {
  const std::string run = variable("XDG_RUNTIME_DIR");
  if (run.empty()) return "/run/containers/" + std::to_string(getuid()) + "/auth.json";
  return run + "/containers/auth.json";
}

std::vector<std::string> auth_files(const RegistryOptions& options) {
  if (!options.auth_file.empty()) return {options.auth_file};
  if (const std::string file = variable("REGISTRY_AUTH_FILE"); !file.empty()) return {file};
  std::vector<std::string> files = {podman_auth()};
  if (const std::string file = docker_config(); !file.empty()) files.push_back(file);
  return files;
}

}  // namespace

Json registry_request(const RegistryOptions& options) {
  Json request = {{"auth_files", auth_files(options)},
                  {"certs_dirs", {"/etc/containers/certs.d", "/etc/docker/certs.d"}},
                  {"registries_conf", kRegistriesConf},
                  {"registries_conf_dir", std::string(kRegistriesConf) + ".d"}};
  if (const std::string file = variable("CONTAINERS_REGISTRIES_CONF"); !file.empty()) {
    request["registries_conf"] = file;
    request["registries_conf_dir"] = "";
  }
  if (!options.certs_dir.empty())
    request["certs_dirs"].insert(request["certs_dirs"].begin(), options.certs_dir);
  if (options.tls_verify) request["tls_verify"] = *options.tls_verify;
  return request;
}

Result<std::string> login_file(const RegistryOptions& options) {
  if (!options.auth_file.empty()) return options.auth_file;
  if (std::string file = variable("REGISTRY_AUTH_FILE"); !file.empty()) return file;
  std::string file = docker_config();
  if (file.empty())
    return error("no place for credentials", "", "set HOME, or name a file with --authfile", ENOENT);
  return file;
}

}  // namespace rcrt
