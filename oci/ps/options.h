// SPDX-License-Identifier: MIT
// The options of ps(1), of all three kinds: -ef, aux, --forest.
#pragma once

#include <string>
#include <vector>

#include "oci/ps/column.h"
#include "oci/ps/selection.h"

namespace rcrt::oci::ps {

constexpr size_t kWidest = 131072;  // of a line, as ps has it

enum class Forest { none, indented, drawn };
enum class Headings { once, none, each_page };

// Which lists of columns, and how they are meant.
struct ColumnList {
  enum class Kind { as_given, within_unix_columns, within_bsd_columns } kind;  // -o, -O, O
  std::string text;
};

struct Options {
  std::string unix_formats, bsd_formats;  // letters
  std::vector<ColumnList> lists;
  bool bsd = false;                                 // an option without a dash was given
  bool context = false;                             // --context
  bool each_thread = false, threads_below = false;  // a line a thread: in place of its process's, or after it
  std::string order;                                // keys, with commas between
  Forest forest = Forest::none;
  Headings headings = Headings::once;
  size_t columns = 0, rows = 0;  // of a page
  Style style;
  Selection selection;
};

// `all_bsd`: letters behind one dash are meant as those without, as in -aux.
Result<Options> read_options(const std::vector<std::string>& words, Machine& machine, bool all_bsd);

}  // namespace rcrt::oci::ps
