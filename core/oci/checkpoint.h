// SPDX-License-Identifier: MIT
// A container into files, and out of them: what `checkpoint` and `restore` have in common.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/oci/criu_options.h"
#include "core/oci/criu_request.h"
#include "core/oci/record.h"

namespace rcrt::oci {

// The folders of a request while it is carried out.
struct CriuFolders {
  UniqueFd images, work;
  std::string log;  // the path of the log file
};

// Fills in what may be wrong in the options, before anything is made.
Result<void> set_choices(const CriuOptions& options, CriuRequest& request);
// Fills in what is the same for both verbs, and opens the folders; they are made when `make`.
Result<CriuFolders> set_common_options(const CriuOptions& options, const Json& config, const std::string& log,
                                       bool make, CriuRequest& request);

// What comes from outside a container's root and its images: bind mounts and devices.
struct OutsideMount {
  std::string destination, source;
};
std::vector<OutsideMount> outside_mounts(const Json& config);

// How CRIU calls a namespace that is not the container's own: "extRootNetNS".
inline constexpr const char* kOutsideNamespaces[][2] = {{"network", "net"}, {"pid", "pid"}};
std::string outside_name(const char* kind);
// Those that CRIU joins by itself, by the configuration's name and by CRIU's.
inline constexpr const char* kJoinedNamespaces[][2] = {
    {"ipc", "ipc"}, {"uts", "uts"}, {"mount", "mnt"}, {"user", "user"}};

// Beside the images: what the three standard streams were, as CRIU calls it.
inline constexpr char kDescriptors[] = "descriptors.json";

// Says what criu said last: in its log, or when it did not come so far to `output`, if that is given.
std::unexpected<Error> criu_error(const Error& below, const std::string& what, const std::string& id,
                                  const std::string& log, int output = -1);

}  // namespace rcrt::oci
