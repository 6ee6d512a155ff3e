// SPDX-License-Identifier: MIT
#include "cli/registry_flags.h"

namespace rcrt::cli {

void add_registry_flags(po::options_description& description) {
  description.add_options()                                                              //
      ("authfile", word("FILE"), "registries' credentials, instead of the usual files")  //
      ("cert-dir", word("DIR"), "folder of HOST[:PORT]/ca.crt, searched before /etc's")  //
      ("tls-verify", toggle(), "false: the registry's certificate is not checked, and plain HTTP allowed");
}

RegistryOptions registry_options(const CommandLine& line) {
  RegistryOptions options;
  options.auth_file = line.text("authfile");
  options.certs_dir = line.text("cert-dir");
  if (line.has("tls-verify")) options.tls_verify = line.flag("tls-verify");
  return options;
}

Result<PullPolicy> pull_policy(const CommandLine& line) {
  PullPolicy policy;
  const std::string when = line.has("pull") ? line.text("pull") : "missing";
  if (when == "always")
    policy.when = PullPolicy::always;
  else if (when == "never")
    policy.when = PullPolicy::never;
  else if (when != "missing")
    return error("invalid --pull", when, "missing, always or never", EINVAL);
  policy.options.platform = line.text("platform");
  policy.options.registry = registry_options(line);
  return policy;
}

}  // namespace rcrt::cli
