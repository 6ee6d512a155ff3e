// SPDX-License-Identifier: MIT
#include "oci/ps/column.h"

#include "oci/ps/parse.h"

namespace rcrt::oci::ps {

Cell number(long long value) { return {std::to_string(value), static_cast<double>(value)}; }
Cell text(std::string value) { return {std::move(value), {}}; }
Cell nothing(const View&) { return {"-", 0}; }

const Column* find_column(std::string_view name) {
  for (const auto columns : {identity_columns(), namespace_columns(), time_columns(), memory_columns(),
                             signal_columns(), command_columns()})
    for (const Column& column : columns)
      if (is_one_of(column.names, name)) return &column;
  return nullptr;
}

}  // namespace rcrt::oci::ps
