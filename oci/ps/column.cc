// SPDX-License-Identifier: MIT
#include "oci/ps/column.h"

namespace rcrt::oci::ps {
namespace {

bool named(const Column& column, std::string_view name) {
  for (std::string_view names = column.names; !names.empty();) {
    const std::string_view one = names.substr(0, names.find(' '));
    if (one == name) return true;
    names.remove_prefix(std::min(names.size(), one.size() + 1));
  }
  return false;
}

}  // namespace

Cell number(long long value) { return {std::to_string(value), static_cast<double>(value)}; }
Cell text(std::string value) { return {std::move(value), {}}; }
Cell nothing(const View&) { return {"-", 0}; }

const Column* find_column(std::string_view name) {
  for (const auto columns : {identity_columns(), namespace_columns(), time_columns(), memory_columns(),
                             signal_columns(), command_columns()})
    for (const Column& column : columns)
      if (named(column, name)) return &column;
  return nullptr;
}

}  // namespace rcrt::oci::ps
