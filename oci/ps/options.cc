// SPDX-License-Identifier: MIT
#include "oci/ps/options.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "oci/ps/parse.h"

namespace rcrt::oci::ps {
namespace {

constexpr char kKnown[] = "formats, columns, order, threads and selection are chosen as with ps(1)";
constexpr size_t kWide = 132, kUsualRows = 24;

struct Reading {
  Options options;
  Machine& machine;
  int wide = 0;
};

using Apply = Result<void> (*)(Reading&, const std::string& value);

// A switch's value is its own letter or name.
enum class Takes { no_value, value, value_or_nothing };

struct Known {
  const char* unix_letters;  // behind a dash
  const char* bsd_letters;   // without one
  const char* names;         // behind two, with a blank between
  Takes takes;
  Apply apply;
};

template <auto member>
Result<void> choose(Reading& reading, const std::string&) {
  reading.options.selection.*member = true;
  return {};
}

template <auto member>
Result<void> style(Reading& reading, const std::string&) {
  reading.options.style.*member = true;
  return {};
}

template <auto member>
Result<void> set(Reading& reading, const std::string&) {
  reading.options.*member = true;
  return {};
}

template <auto member, auto value>
Result<void> set_to(Reading& reading, const std::string&) {
  reading.options.*member = value;
  return {};
}

template <By by>
Result<void> select(Reading& reading, const std::string& list) {
  return reading.options.selection.add(by, list, reading.machine);
}

template <ColumnList::Kind kind>
Result<void> list_columns(Reading& reading, const std::string& list) {
  reading.options.lists.push_back({kind, list});
  return {};
}

template <auto member>
Result<void> set_size(Reading& reading, const std::string& text) {
  const auto size = whole_number<size_t>(text);
  if (!size || *size == 0)
    return error("invalid size of a page for ps", text, "give a number of columns or rows");
  reading.options.*member = *size;
  return {};
}

Result<void> unix_format(Reading& reading, const std::string& letter) {
  reading.options.unix_formats += letter;
  reading.options.each_thread |= letter == "L" || letter == "T";
  return {};
}

Result<void> bsd_format(Reading& reading, const std::string& letter) {
  reading.options.bsd_formats += letter;
  return {};
}

Result<void> label(Reading& reading, const std::string&) { return unix_format(reading, "M"); }

Result<void> wider(Reading& reading, const std::string&) {
  ++reading.wide;
  return {};
}

Result<void> sort_by(Reading& reading, const std::string& keys) {
  reading.options.order += (reading.options.order.empty() ? "" : ",") + keys;
  return {};
}

Result<void> with_command(Reading& reading, const std::string& list) {
  return reading.options.selection.add_commands(list);
}

Result<void> on_terminal(Reading& reading, const std::string& list) {
  if (!list.empty()) return reading.options.selection.add_terminals(list);
  reading.options.selection.add_own_terminal();
  return {};
}

Result<void> on_own_terminal(Reading& reading, const std::string&) { return on_terminal(reading, ""); }

Result<void> sessions_or_groups(Reading& reading, const std::string& list) {
  return reading.options.selection.add_sessions_or_groups(list, reading.machine);
}

Result<void> no_matter(Reading&, const std::string&) { return {}; }

using enum Takes;
using enum ColumnList::Kind;

constexpr Known kOptions[] = {
    {"Ae", "", "", no_value, choose<&Selection::all>},
    {"a", "", "", no_value, choose<&Selection::on_terminal>},
    {"d", "", "", no_value, choose<&Selection::without_leaders>},
    {"N", "", "deselect", no_value, choose<&Selection::deselect>},
    {"", "a", "", no_value, choose<&Selection::any_user>},
    {"", "x", "", no_value, choose<&Selection::any_terminal>},
    {"", "r", "", no_value, choose<&Selection::running>},
    {"", "g", "", no_value, no_matter},
    {"", "T", "", no_value, on_own_terminal},
    {"pq", "pq", "pid quick-pid", value, select<By::pid>},
    {"", "", "ppid", value, select<By::parent>},
    {"s", "", "sid", value, select<By::session>},
    {"u", "U", "user", value, select<By::effective_user>},
    {"U", "", "User", value, select<By::real_user>},
    {"", "", "group", value, select<By::effective_group>},
    {"G", "", "Group", value, select<By::real_group>},
    {"g", "", "", value, sessions_or_groups},
    {"C", "", "", value, with_command},
    {"t", "", "tty", value, on_terminal},
    {"", "t", "", value_or_nothing, on_terminal},
    {"FLPTcfjly", "", "", no_value, unix_format},
    {"MZ", "Z", "", no_value, label},
    {"", "Xjlsuv", "", no_value, bsd_format},
    {"", "", "context", no_value, set<&Options::context>},
    {"o", "o", "format", value, list_columns<as_given>},
    {"O", "", "", value, list_columns<within_unix_columns>},
    {"", "O", "", value, list_columns<within_bsd_columns>},
    {"", "H", "", no_value, set<&Options::each_thread>},
    {"m", "m", "", no_value, set<&Options::threads_below>},
    {"H", "", "", no_value, set_to<&Options::forest, Forest::indented>},
    {"", "f", "forest", no_value, set_to<&Options::forest, Forest::drawn>},
    {"", "k", "sort", value, sort_by},
    {"", "c", "", no_value, style<&Style::short_command>},
    {"", "e", "", no_value, style<&Style::environment>},
    {"", "n", "", no_value, style<&Style::numeric>},
    {"", "S", "cumulative", no_value, style<&Style::children>},
    {"w", "w", "", no_value, wider},
    {"", "", "cols columns width", value, set_size<&Options::columns>},
    {"", "", "lines rows", value, set_size<&Options::rows>},
    {"", "h", "no-header no-headers no-heading no-headings noheader noheaders noheading noheadings", no_value,
     set_to<&Options::headings, Headings::none>},
    {"", "", "header headers heading headings", no_value, set_to<&Options::headings, Headings::each_page>},
};

const Known* find_letter(char letter, bool bsd) {
  for (const Known& known : kOptions)
    if (std::string_view(bsd ? known.bsd_letters : known.unix_letters).contains(letter)) return &known;
  return nullptr;
}

const Known* find_name(const std::string& name) {
  for (const Known& known : kOptions)
    if (is_one_of(known.names, name)) return &known;
  return nullptr;
}

// The word after an option which needs one.
Result<std::string> next_word(const std::vector<std::string>& words, size_t& i, const std::string& option) {
  if (i + 1 == words.size() || words[i + 1].empty())
    return error("a value must follow the ps option", option);
  return words[++i];
}

Result<void> read_letters(Reading& reading, const std::vector<std::string>& words, size_t& i, bool bsd) {
  const std::string& word = words[i];
  for (size_t at = word[0] == '-' ? 1 : 0; at < word.size(); ++at) {
    const std::string letter = word.substr(at, 1);
    const std::string rest = word.substr(at + 1);
    if (bsd && isdigit(static_cast<unsigned char>(word[at])))
      return select<By::pid>(reading, word.substr(at));
    const Known* known = find_letter(word[at], bsd);
    if (known == nullptr) return error("unknown ps option", bsd ? letter : "-" + letter, kKnown);
    if (known->takes == no_value) {
      RCRT_TRY(known->apply(reading, letter));
      continue;
    }
    const bool left_away = known->takes == value_or_nothing && i + 1 == words.size();
    if (!rest.empty() || left_away) return known->apply(reading, rest);
    RCRT_ASSIGN(const std::string next, next_word(words, i, bsd ? letter : "-" + letter));
    return known->apply(reading, next);
  }
  return {};
}

Result<void> read_name(Reading& reading, const std::vector<std::string>& words, size_t& i) {
  const std::string& word = words[i];
  const size_t end = word.find_first_of(":=", 2);
  const std::string name = word.substr(2, end == word.npos ? end : end - 2);
  const Known* known = find_name(name);
  if (known == nullptr) return error("unknown ps option", "--" + name, kKnown);
  const bool has_value = end != word.npos;
  if (known->takes == no_value) {
    if (has_value) return error("no value may follow the ps option", "--" + name);
    return known->apply(reading, name);
  }
  if (has_value) return known->apply(reading, word.substr(end + 1));
  RCRT_ASSIGN(const std::string next, next_word(words, i, word));
  return known->apply(reading, next);
}

Result<void> read_word(Reading& reading, const std::vector<std::string>& words, size_t& i, bool all_bsd) {
  const std::string& word = words[i];
  const auto at = [&word](size_t n) { return n < word.size() ? static_cast<unsigned char>(word[n]) : 0; };
  if (word.starts_with("--") && isalpha(at(2))) return read_name(reading, words, i);
  if (at(0) == '-' && isalpha(at(1)) && !all_bsd) return read_letters(reading, words, i, false);
  reading.options.bsd = true;
  if (isalpha(at(0)) || (at(0) == '-' && isalpha(at(1)))) return read_letters(reading, words, i, true);
  if (isdigit(at(0))) return select<By::pid>(reading, word);
  if (at(0) == '-' && isdigit(at(1))) return select<By::process_group>(reading, word.substr(1));
  if (at(0) == '+' && isdigit(at(1))) return select<By::session>(reading, word.substr(1));
  return error("unknown ps option", word, kKnown);
}

// What the environment says of the terminal; 0: nothing.
size_t from_environment(const char* variable) {
  const char* text = getenv(variable);
  const long size = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return size > 0 ? static_cast<size_t>(size) : 0;
}

// As runc has it, where ps writes into a pipe: lines are whole unless somebody says how wide they may be.
void complete_page(Reading& reading) {
  size_t& columns = reading.options.columns;
  size_t& rows = reading.options.rows;
  if (columns == 0) columns = from_environment("COLUMNS");
  if (columns == 0 || reading.wide > 1) columns = kWidest;
  if (reading.wide > 0) columns = std::max(columns, kWide);
  winsize window{};
  if (rows == 0) rows = from_environment("LINES");
  if (rows == 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0) rows = window.ws_row;
  if (rows == 0) rows = kUsualRows;
}

}  // namespace

Result<Options> read_options(const std::vector<std::string>& words, Machine& machine, bool all_bsd) {
  Reading reading{{}, machine};
  for (size_t i = 0; i < words.size(); ++i) RCRT_TRY(read_word(reading, words, i, all_bsd));
  const Options& options = reading.options;
  if (options.forest != Forest::none && (options.each_thread || options.threads_below))
    return error("ps shows threads or a hierarchy, not both", {}, "leave one of the options away");
  complete_page(reading);
  return std::move(reading.options);
}

}  // namespace rcrt::oci::ps
