// SPDX-License-Identifier: MIT
// What the listing verbs share: tables, times, and the part of Go's templates that people
// use with --format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::cli {

// Columns aligned, two or more spaces between them; the first row is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// "{{.State.Running}}", "{{.Name}}\t{{json .Labels}}": fields by name and `json`; anything
// else of Go's templates is an Error. "\t" and "\n" as two characters are understood.
Result<std::string> apply_template(const std::string& text, const Json& data);

// "3 minutes ago" without "ago".
std::string age(int64_t nanoseconds_since_epoch);
// RFC 3339 with nanoseconds, UTC, as docker prints times.
std::string timestamp(int64_t nanoseconds_since_epoch);
// "4.26MB", decimal as docker does.
std::string human_size(uint64_t bytes);

}  // namespace rcrt::cli
