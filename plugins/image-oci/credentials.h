// SPDX-License-Identifier: MIT
// The credential files of docker (config.json) and of podman (auth.json): one JSON form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rcrt::image_oci {

struct Credentials {
  std::string username, password;
  std::string identity_token;  // a refresh token of OAuth 2, instead of a password
};

// What one file says of a repository ("quay.io", "team/app"): the entry of the longest name
// that covers it. An Error where the entry is with a helper program, which is not run.
Result<std::optional<Credentials>> credentials_in(std::string_view text, const std::string& file,
                                                  const std::string& registry, const std::string& repository);

// The first file that knows the registry decides. Files that are not there are passed over.
Result<std::optional<Credentials>> find_credentials(const std::vector<std::string>& files,
                                                    const std::string& registry,
                                                    const std::string& repository);

// The text of the file with the entry of a registry set or, with nullptr, removed.
// All else stays as it is. False in `changed` when there was nothing to remove.
Result<std::string> with_credentials(std::string_view text, const std::string& file,
                                     const std::string& registry, const Credentials* credentials,
                                     bool* changed);

// Writes such a file, 0600, in place of the old one; makes its folder.
Result<void> store_credentials(const std::string& file, const std::string& registry,
                               const Credentials& credentials);
// Removes the registry's entry from every file that has one; false when none has.
Result<bool> remove_credentials(const std::vector<std::string>& files, const std::string& registry);

}  // namespace rcrt::image_oci
