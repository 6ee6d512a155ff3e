// SPDX-License-Identifier: MIT
// Lines of cells, spaced as ps(1) does: what is wider than its column takes from the blanks of those that
// follow.
#pragma once

#include <string>
#include <vector>

#include "oci/ps/formats.h"

namespace rcrt::oci::ps {

class Layout {
 public:
  Layout(const std::vector<Shown>& columns, const Options& options);

  // Empty when no column has a header.
  std::string header() const;
  // A text for each column; `branch` goes before commands.
  std::string line(const std::vector<std::string>& texts, const std::string& branch) const;

 private:
  std::string spaced(const std::vector<std::string>& texts, const std::string* branch) const;
  std::string fitted(const Column& column, const std::string& text, const std::string& branch,
                     size_t room) const;
  size_t padding(const Shown& shown, size_t cells) const;

  const std::vector<Shown>& columns_;
  const bool numeric_;
  size_t width_ = 0;
  bool wide_signals_ = false;
};

}  // namespace rcrt::oci::ps
