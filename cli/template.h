// SPDX-License-Identifier: MIT
// The part of Go's templates that people use with --format: fields, variables, pipelines, if,
// range, with, and the functions of template_functions.h.
#pragma once

#include <string>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::cli {

// "{{.State.Running}}", "{{range .Mounts}}{{.Source}} {{end}}", "{{index .Config.Labels \"a\"}}".
// "\t" and "\n" as two characters are understood. A field that is not there is an Error.
Result<std::string> apply_template(const std::string& text, const Json& data);

}  // namespace rcrt::cli
