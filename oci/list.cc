// SPDX-License-Identifier: MIT
// list.
#include <algorithm>
#include <cstdio>

#include "oci/command.h"

namespace rcrt::oci {
namespace {

using Row = std::vector<std::string>;

// As runc: 12 wide, or 3 more than the longest.
void print_table(const std::vector<Row>& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == width.size()) width.push_back(12);
      width[i] = std::max(width[i], row[i].size() + 3);
    }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(width[i] - row[i].size(), ' ');
    }
    printf("%s\n", line.c_str());
  }
}

Result<int> list_command(Context& context, const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "table";
  if (format != "table" && format != "json")
    return error("invalid format", format, "use table or json", EINVAL);
  Json all = Json::array();
  for (const auto& id : all_ids(context.settings.root)) {
    auto state = context.runtime().state(id);
    if (state)
      all.push_back(std::move(*state));
    else
      fprintf(stderr, "rcrt-oci: %s\n", state.error().message().c_str());
  }
  if (arguments.flag("quiet")) {
    for (const auto& state : all) printf("%s\n", state["id"].get_ref<const std::string&>().c_str());
    return 0;
  }
  if (format == "json") {
    printf("%s\n", all.empty() ? "null" : all.dump().c_str());
    return 0;
  }
  std::vector<Row> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& state : all)
    rows.push_back({state["id"].get<std::string>(), state["pid"].dump(), state["status"].get<std::string>(),
                    state["bundle"].get<std::string>(), state["created"].get<std::string>(),
                    state["owner"].get<std::string>()});
  print_table(rows);
  return 0;
}

}  // namespace

std::vector<Command> list_commands() {
  return {
      {"list",
       "[OPTIONS]",
       "list containers",
       0,
       0,
       false,
       {{"format", 'f', "FORMAT", "table or json"}, {"quiet", 'q', nullptr, "print IDs only"}},
       list_command},
  };
}

}  // namespace rcrt::oci
