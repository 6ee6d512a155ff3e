// SPDX-License-Identifier: MIT
#include "cli/listing.h"

#include "cli/format.h"
#include "cli/template.h"
#include "core/run_options.h"

namespace rcrt::cli {
namespace {

constexpr char kTable[] = "table ";

// "table {{.ID}}\t{{.Names}}": a table of the user's own.
Result<std::string> own_table(const std::string& format, const std::vector<Json>& rows,
                              const std::vector<Column>& columns) {
  Json titles = rows.empty() ? Json::object() : rows[0];
  for (const auto& [member, title] : titles.items()) {
    std::string upper = member;
    for (char& c : upper) c = static_cast<char>(toupper(c));
    titles[member] = upper;
  }
  for (const auto& column : columns) titles[column.member] = column.title;
  std::vector<std::vector<std::string>> cells;
  auto header_text = apply_template(format, titles);
  if (!header_text && rows.empty()) return std::string();  // nobody to say what there is
  RCRT_ASSIGN(std::string header, std::move(header_text));
  cells.push_back(split_words(header, '\t'));
  for (const auto& row : rows) {
    RCRT_ASSIGN(std::string text, apply_template(format, row));
    cells.push_back(split_words(text, '\t'));
  }
  return table(cells);
}

}  // namespace

po::options_description list_options(const std::string& verb, const char* quiet) {
  po::options_description own("Options of " + verb);
  own.add_options()("quiet,q", toggle(), quiet)  //
      ("json", toggle(), "one JSON array")       //
      ("format", word("TEMPLATE"), "json, or a template such as {{.Name}}, with table before it for a table");
  return own;
}

bool wants_whole(const CommandLine& line) {
  return line.flag("json") || (line.has("no-trunc") && line.flag("no-trunc"));
}

Result<void> print_list(const CommandLine& line, const std::vector<Json>& rows,
                        const std::vector<Column>& columns, const char* quiet_member) {
  std::string format = line.text("format");
  if (line.flag("json")) {
    printf("%s\n", Json(rows).dump(2).c_str());
  } else if (line.flag("quiet")) {
    for (const auto& row : rows) printf("%s\n", row.value(quiet_member, "").c_str());
  } else if (format == "json") {
    for (const auto& row : rows) printf("%s\n", row.dump().c_str());
  } else if (format.starts_with(kTable)) {
    RCRT_ASSIGN(std::string text, own_table(format.substr(sizeof kTable - 1), rows, columns));
    fputs(text.c_str(), stdout);
  } else if (!format.empty()) {
    for (const auto& row : rows) {
      RCRT_ASSIGN(std::string text, apply_template(format, row));
      printf("%s\n", text.c_str());
    }
  } else {
    std::vector<std::vector<std::string>> cells(1);
    for (const auto& column : columns) cells[0].emplace_back(column.title);
    for (const auto& row : rows) {
      cells.emplace_back();
      for (const auto& column : columns) cells.back().push_back(row.value(column.member, ""));
    }
    fputs(table(cells).c_str(), stdout);
  }
  return {};
}

Result<void> print_inspected(const CommandLine& line, const Json& list) {
  std::string format = line.text("format");
  if (format.empty() || format == "json") {
    printf("%s\n", list.dump(format.empty() ? 4 : -1).c_str());
    return {};
  }
  for (const auto& entry : list) {
    RCRT_ASSIGN(std::string text, apply_template(format, entry));
    printf("%s\n", text.c_str());
  }
  return {};
}

}  // namespace rcrt::cli
