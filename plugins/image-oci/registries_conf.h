// SPDX-License-Identifier: MIT
// /etc/containers/registries.conf and registries.conf.d (containers-registries.conf(5),
// version 2): what short names mean, mirrors, registries without TLS, blocked ones.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/image_reference.h"
#include "base/result.h"

namespace rcrt::image_oci {

// A repository on a host that speaks the registry's protocol.
struct Endpoint {
  std::string host;        // "registry-1.docker.io", "localhost:5000"
  std::string repository;  // "library/busybox"
  bool insecure = false;
  bool mirror = false;
};

class RegistriesConf {
 public:
  // The main file, then those of the folder in the order of their names, each over what
  // came before. What is not there is left out.
  static Result<RegistriesConf> load(const std::string& file, const std::string& folder);

  // Takes over what one file says.
  Result<void> add(std::string_view text, const std::string& file);

  // The full references that one as a user writes it may mean, the first that exists is
  // it. One, unless several registries are searched.
  Result<std::vector<Reference>> candidates(const std::string& reference) const;

  // Where a repository is fetched from: mirrors first, then the registry itself.
  Result<std::vector<Endpoint>> pull_endpoints(const Reference& reference) const;
  // The registry itself, without a repository ("quay.io").
  Result<Endpoint> login_endpoint(const std::string& registry) const;
  // Where it is pushed to.
  Result<Endpoint> push_endpoint(const Reference& reference) const;

 private:
  struct Mirror {
    std::string location;
    bool insecure = false;
    std::string pull_from;  // "all", "digest-only", "tag-only"
  };
  struct Registry {
    std::string prefix, location;
    bool insecure = false, blocked = false;
    std::vector<Mirror> mirrors;
  };
  const Registry* find(const Reference& reference) const;

  std::vector<std::string> search_;
  bool searched_ = false;  // a file names them
  std::string short_name_mode_;
  std::map<std::string, std::string> aliases_;
  std::map<std::string, Registry> registries_;  // by prefix
};

}  // namespace rcrt::image_oci
