// SPDX-License-Identifier: MIT
#include "oci/ps/formats.h"

#include <algorithm>

#include "base/words.h"
#include "oci/ps/parse.h"

namespace rcrt::oci::ps {
namespace {

struct BsdFormat {
  char letter;
  const char* columns;
};

constexpr BsdFormat kBsdFormats[] = {
    {'X', "pid,stackp,esp,eip,timeout,alarm,stat,tname,bsdtime,args"},
    {'j', "ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args"},
    {'l', "flags,uid,pid,ppid,priority,nice,vsz,rss,wchan,stat,tname,bsdtime,args"},
    {'s', "uid,pid,pending,blocked,ignored,caught,stat,tname,bsdtime,args"},
    {'u', "user,pid,pcpu,pmem,vsz,rss,tname,stat,start_time,bsdtime,args"},
    {'v', "pid,tname,stat,bsdtime,maj_flt,m_trs,m_drs,rss,pmem,args"},
};

constexpr struct {
  char letter;
  const char* column;
  const char* header;
} kDescriptors[] = {
    {'C', "pcpu", "%CPU"},    {'G', "group", "GROUP"},  {'P', "ppid", "PPID"},     {'U', "user", "USER"},
    {'a', "args", "COMMAND"}, {'c', "comm", "COMMAND"}, {'g', "rgroup", "RGROUP"}, {'n', "nice", "NI"},
    {'p', "pid", "PID"},      {'r', "pgid", "PGID"},    {'t', "etime", "ELAPSED"}, {'u', "ruser", "RUSER"},
    {'x', "time", "TIME"},    {'y', "tty", "TTY"},      {'z', "vsz", "VSZ"},
};

Shown shown(const Column& column, const std::string& header, Machine& machine) {
  const size_t width = column.width == kPidWidth
                           ? std::max(machine.pid_width(), std::string_view(column.header).size())
                           : column.width;
  return {&column, header, std::max(width, header == column.header ? 0 : header.size())};
}

// NAME, NAME:WIDTH, NAME=HEADER or NAME:WIDTH=HEADER.
Result<Shown> parse_column(const std::string& word, Machine& machine) {
  const size_t equals = word.find('=');
  const std::string left = word.substr(0, equals);
  const size_t colon = left.find(':');
  const Column* column = find_column(left.substr(0, colon));
  if (column == nullptr)
    return error("unknown ps column", left.substr(0, colon),
                 "use names of ps(1), as pid,ppid,user,stat,time,args");
  Shown made = shown(*column, equals == word.npos ? column->header : word.substr(equals + 1), machine);
  if (colon == left.npos) return made;
  const auto width = whole_number<size_t>(std::string_view(left).substr(colon + 1));
  if (!width || *width == 0 || *width > kWidest)
    return error("invalid width of a ps column", left, "give a number, as user:16");
  made.width = *width;
  return made;
}

// "%p and %c": descriptors, with text between; as with ps, some text, if none, is at the end.
Result<std::vector<Shown>> parse_descriptors(std::string_view list, Machine& machine) {
  std::vector<Shown> columns;
  for (;;) {
    const std::string between(list.substr(0, list.find('%')));
    list.remove_prefix(between.size());
    if (!between.empty() || list.empty()) columns.push_back({nullptr, between, between.size()});
    if (list.empty()) return columns;
    const auto known = std::ranges::find_if(
        kDescriptors, [list](const auto& d) { return list.size() > 1 && d.letter == list[1]; });
    if (known == std::end(kDescriptors))
      return error("unknown ps descriptor", list.substr(0, 2), "use those of ps(1), as %p %u %x %a");
    columns.push_back(shown(*find_column(known->column), known->header, machine));
    list.remove_prefix(2);
  }
}

Result<std::vector<Shown>> parse_list(const std::string& list, Machine& machine) {
  std::vector<Shown> columns;
  for (const std::string& word : words_of(list, ", \t\n")) {
    if (word.starts_with('%') && find_column(word.substr(0, word.find_first_of(":="))) == nullptr)
      return parse_descriptors(list, machine);
    RCRT_ASSIGN(Shown column, parse_column(word, machine));
    columns.push_back(std::move(column));
  }
  if (columns.empty()) return error("empty list of ps columns", list, "name columns, as pid,user,args");
  return columns;
}

Result<std::vector<Shown>> parse_lists(const Options& options, Machine& machine) {
  using enum ColumnList::Kind;
  std::vector<Shown> columns;
  for (const ColumnList& list : options.lists) {
    if (list.kind != as_given && !columns.empty())
      return error("the ps option O must come before other lists of columns", list.text);
    const std::string around = list.kind == as_given ? list.text
                               : list.kind == within_unix_columns
                                   ? "pid," + list.text + ",state,tname,time,command"
                                   : "pid," + list.text + ",state,tname,cputime,comm";
    RCRT_ASSIGN(auto more, parse_list(around, machine));
    columns.insert(columns.end(), more.begin(), more.end());
  }
  return columns;
}

// Of the UNIX options, which add up.
std::string unix_list(const Options& options) {
  const auto given = [&options](char letter) { return options.unix_formats.contains(letter); };
  const bool extra = given('F'), full = extra || given('f'), longer = given('l'), bare = given('y');
  const bool scheduling = given('c');
  std::string list;
  const auto add = [&list](bool wanted, const char* columns) {
    if (wanted) list += std::string(list.empty() ? "" : ",") + columns;
  };
  add(given('M'), "label");
  add(longer && !bare, "f");
  add(longer, "s");
  add(full, "uid_hack");
  add(longer && !full, "uid");
  add(true, "pid");
  add(given('T'), "spid");
  add(full || longer, "ppid");
  add(given('j'), "pgid,sid");
  add(given('L'), "lwp");
  add(given('P'), "psr");
  add((full || longer) && !scheduling, "c");
  add(given('L') && full, "nlwp");
  add(scheduling, "class,pri");
  add(longer && !scheduling, "opri,ni");
  add(longer, bare ? "rss" : "addr_1");
  add(extra || longer, "sz");
  add(longer, "wchan");
  add(extra && !(longer && bare), "rss");
  add(extra && !given('P'), "psr");
  add(full, "stime");
  add(true, "tname");
  add(options.bsd && !longer, "stat");
  add(true, options.bsd ? "bsdtime" : "time");
  add(true, options.bsd ? (full || longer ? "cmd" : "args") : full ? "cmd" : "ucmd");
  return list;
}

// UNIX options add to the columns of a BSD format, too.
void insert_after(std::string& list, std::initializer_list<std::string_view> before, const char* column) {
  for (const std::string_view one : before)
    if (const size_t found = ("," + list + ",").find("," + std::string(one) + ","); found != list.npos) {
      list.insert(found + one.size(), std::string(",") + column);
      return;
    }
}

void extend(std::string& list, const std::string& letters) {
  if (letters.contains('j')) {
    insert_after(list, {"ppid", "pid"}, "pgid");
    insert_after(list, {"pgid"}, "sid");
  }
  if (letters.contains('T')) insert_after(list, {"pid"}, "spid");
  if (letters.contains('L')) {
    insert_after(list, {"sid", "pgid", "ppid", "pid"}, "lwp");
    insert_after(list, {"pcpu"}, "nlwp");
  }
  if (letters.contains('M')) list = "label," + list;
}

}  // namespace

// A list of columns stands above UNIX formats, which many give besides out of habit: -ef -o LIST.
Result<std::vector<Shown>> columns_of(const Options& options, Machine& machine) {
  const std::string& letters = options.bsd_formats;
  const bool unix_format = options.unix_formats.find_first_of("fFl") != std::string::npos;
  const bool several = letters.find_first_not_of(letters[0]) != letters.npos;
  const int chosen =
      options.context + !letters.empty() + (unix_format && options.lists.empty()) + !options.lists.empty();
  if (several || chosen > 1)
    return error("conflicting formats for ps", {}, "give one of them, or a list of columns with -o");
  if (!options.lists.empty()) return parse_lists(options, machine);
  if (letters.empty() && !options.context) return parse_list(unix_list(options), machine);
  std::string list = "pid,context,command";
  for (const BsdFormat& format : kBsdFormats)
    if (letters.starts_with(format.letter)) list = format.columns;
  extend(list, options.unix_formats);
  return parse_list(list, machine);
}

}  // namespace rcrt::oci::ps
