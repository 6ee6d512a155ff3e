// SPDX-License-Identifier: MIT
// What `ps`, `images`, `volume ls` and their like have in common: --quiet, --json, --format
// and a table.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "core/json.h"

namespace rcrt::cli {

struct Column {
  const char* title;   // "CONTAINER ID"
  const char* member;  // of a row: "ID"
};

// --quiet, --json and --format; `quiet` says what is left then.
po::options_description list_options(const std::string& verb, const char* quiet = "ids only");
// Whether ids and the like are to be whole: --no-trunc where the verb has it, and --json.
bool wants_whole(const CommandLine& line);

// Prints rows of named texts as the options ask for; --quiet prints `quiet_member`.
Result<void> print_list(const CommandLine& line, const std::vector<Json>& rows,
                        const std::vector<Column>& columns, const char* quiet_member = "ID");

// What an inspect found: one JSON array, or each entry by the template of --format.
Result<void> print_inspected(const CommandLine& line, const Json& list);

}  // namespace rcrt::cli
