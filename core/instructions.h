// SPDX-License-Identifier: MIT
// Instructions of a Dockerfile that change an image's configuration, for import and commit.
#pragma once

#include <string>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

inline constexpr const char* kInstructions =
    "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR as in a Dockerfile";

// "ENV A=1 B='two words'", "CMD [\"sh\"]", also with "=" after the first word. `config` is an
// image-spec "config" object.
Result<void> apply_instruction(Json& config, const std::string& instruction);

}  // namespace rcrt
