// SPDX-License-Identifier: MIT
// ps: the processes of a container as ps(1) would show them. No ps is executed.
#include "oci/ps.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/words.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

struct Shown {
  const Column* column;
  std::string header;
};

Result<void> add_columns(const std::string& list, std::vector<Shown>& columns) {
  for (const std::string& word : words_of(list, ", ")) {
    const size_t equals = word.find('=');
    const Column* column = find_column(word.substr(0, equals));
    if (column == nullptr)
      return error("unknown ps column", word, "use names of ps(1), as pid,ppid,user,stat,time,args");
    columns.push_back({column, equals == word.npos ? column->header : word.substr(equals + 1)});
  }
  return {};
}

Result<void> add_usual(const char* list, std::vector<Shown>& columns) {
  columns.clear();
  return add_columns(list, columns);
}

constexpr char kFull[] = "user=UID,pid,ppid,c,stime,tname,time,cmd";
constexpr char kUser[] = "user,pid,pcpu,pmem,vsz,rss,tname,stat,start,time,args";

// Those of ps(1) that choose columns; those that choose processes say nothing new here.
Result<std::vector<Shown>> columns_of(const std::vector<std::string>& words) {
  std::vector<Shown> columns;
  bool listed = false;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    const size_t option = word.find('o');
    const std::string letters = word.substr(0, option);
    if (word.starts_with("--") || letters.find_first_not_of("-eAafxuw") != letters.npos || word.empty())
      return error("unknown ps option", word, "use -ef, aux or -o with a list of columns");
    if (option != word.npos) {
      const bool apart = option + 1 == word.size();
      if (apart && i + 1 == words.size()) return error("a list of columns must follow the ps option", word);
      if (!listed) columns.clear();
      listed = true;
      RCRT_TRY(add_columns(apart ? words[++i] : word.substr(option + 1), columns));
    } else if (!listed) {
      RCRT_TRY(add_usual(letters.find('u') != letters.npos ? kUser : kFull, columns));
    }
  }
  if (columns.empty()) RCRT_TRY(add_usual(kFull, columns));
  return columns;
}

void print(const std::vector<Shown>& columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> width(columns.size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(width[i] - row[i].size(), ' ');
      const bool last = i + 1 == row.size();
      line += columns[i].column->right ? space + row[i] : last ? row[i] : row[i] + space;
      if (!last) line += ' ';
    }
    printf("%s\n", line.c_str());
  }
}

Result<int> ps_command(Context& context, const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "table";
  if (format != "table" && format != "json")
    return error("invalid format", format, "use table or json", EINVAL);
  RCRT_ASSIGN(auto columns, columns_of(arguments.words));
  RCRT_ASSIGN(auto pids, context.runtime().processes(arguments.words[0]));
  if (format == "json") {
    printf("%s\n", Json(pids).dump().c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& shown : columns) rows[0].push_back(shown.header);
  if (std::ranges::all_of(rows[0], &std::string::empty)) rows.clear();
  for (pid_t pid : pids)
    if (auto process = process_info(pid)) {
      rows.emplace_back();
      for (const auto& shown : columns) rows.back().push_back(shown.column->text(*process));
    }
  print(columns, rows);
  return 0;
}

}  // namespace

std::vector<Command> ps_commands() {
  return {{"ps",
           "[OPTIONS] ID [PS OPTIONS]",
           "list the processes of a container; of ps(1)'s options -ef, aux and -o LIST are known",
           1,
           SIZE_MAX,
           true,
           {{"format", 'f', "FORMAT", "table or json"}},
           ps_command}};
}

}  // namespace rcrt::oci
