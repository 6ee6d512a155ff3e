// SPDX-License-Identifier: MIT
// The syntax of a --format template: the text taken apart once, to be carried out for each row.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt::cli {

struct Operand;
using Call = std::vector<Operand>;   // a value, or a function and its arguments
using Pipeline = std::vector<Call>;  // the result of each is the last argument of the next

struct Operand {
  enum class Kind { dot, variable, function, literal, pipeline } kind = Kind::dot;
  std::string name;                 // of a variable, with its "$", or of a function
  Json value;                       // of a literal
  Pipeline inner;                   // in parentheses
  std::vector<std::string> fields;  // ".A.B" after it
};

struct TemplateNode {
  enum class Kind { text, output, condition, range, with } kind = Kind::text;
  std::string text;
  std::vector<std::string> variables;  // that are set: "$x := ...", "range $key, $value := ..."
  Pipeline pipeline;
  std::vector<TemplateNode> body, otherwise;  // up to {{else}}, and after it
};

Result<std::vector<TemplateNode>> parse_template(const std::string& text);

}  // namespace rcrt::cli
