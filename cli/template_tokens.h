// SPDX-License-Identifier: MIT
// A template's text as pieces: what is printed as it is, and the words of each {{action}}.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace rcrt::cli {

struct TemplateToken {
  // A field follows what is before it without a space: "(index .X 0).Name".
  enum class Kind { word, path, variable, string, number, field, symbol } kind;
  std::string text;  // a path as ".A.B"; a string without its quotes
};

struct TemplatePiece {
  bool action = false;
  std::string text;
  std::vector<TemplateToken> tokens;  // of an action
};

std::unexpected<Error> template_error(const std::string& where);

Result<std::vector<TemplatePiece>> template_pieces(const std::string& text);

}  // namespace rcrt::cli
