// SPDX-License-Identifier: MIT
#include "cli/template.h"

#include <utility>

#include "cli/template_functions.h"
#include "cli/template_syntax.h"
#include "cli/template_tokens.h"

namespace rcrt::cli {
namespace {

std::unexpected<Error> no_field(const std::string& name) {
  return error("no such field in template", "." + name, "see it all without --format", EINVAL);
}

class Evaluation {
 public:
  explicit Evaluation(const Json& data) : variables_({{"$", data}}) {}

  Result<void> run(const std::vector<TemplateNode>& nodes, const Json& dot) {
    size_t outer = variables_.size();
    for (const auto& node : nodes) RCRT_TRY(run(node, dot));
    variables_.resize(outer);
    return {};
  }

  std::string out;

 private:
  Result<void> run(const TemplateNode& node, const Json& dot) {
    if (node.kind == TemplateNode::Kind::text) {
      out += node.text;
      return {};
    }
    RCRT_ASSIGN(Json value, pipeline(node.pipeline, dot));
    if (node.kind == TemplateNode::Kind::output) {
      if (node.variables.empty())
        out += template_text(value);
      else
        variables_.emplace_back(node.variables[0], std::move(value));
      return {};
    }
    if (!template_truth(value)) return run(node.otherwise, dot);
    if (node.kind == TemplateNode::Kind::range) return range(node, value);
    size_t outer = variables_.size();
    for (const auto& name : node.variables) variables_.emplace_back(name, value);
    RCRT_TRY(run(node.body, node.kind == TemplateNode::Kind::with ? value : dot));
    variables_.resize(outer);
    return {};
  }

  Result<void> range(const TemplateNode& node, const Json& value) {
    if (!value.is_structured())
      return error("template ranges over what is no list", template_text(value), {}, EINVAL);
    size_t outer = variables_.size(), number = 0;
    for (const auto& [key, item] : value.items()) {
      if (node.variables.size() == 2)
        variables_.emplace_back(node.variables[0], value.is_array() ? Json(number) : Json(key));
      if (!node.variables.empty()) variables_.emplace_back(node.variables.back(), item);
      RCRT_TRY(run(node.body, item));
      variables_.resize(outer);
      ++number;
    }
    return {};
  }

  Result<Json> pipeline(const Pipeline& pipeline, const Json& dot) {
    Json value;
    for (size_t i = 0; i < pipeline.size(); ++i) {
      RCRT_ASSIGN(value, call(pipeline[i], dot, i == 0 ? nullptr : &value));
    }
    return value;
  }

  // `last`: what is piped into it.
  Result<Json> call(const Call& call, const Json& dot, const Json* last) {
    std::vector<Json> arguments;
    for (size_t i = 1; i < call.size(); ++i) {
      RCRT_ASSIGN(Json argument, operand(call[i], dot));
      arguments.push_back(std::move(argument));
    }
    if (last != nullptr) arguments.push_back(*last);
    if (call[0].kind == Operand::Kind::function) return call_template_function(call[0].name, arguments);
    if (arguments.empty()) return operand(call[0], dot);
    return label(call[0], dot, arguments);
  }

  // {{.Label "name"}}: of what has Labels. In the header of a table, where that is a title, its name.
  Result<Json> label(Operand operand, const Json& dot, const std::vector<Json>& arguments) {
    if (operand.fields.empty() || operand.fields.back() != "Label" || arguments.size() != 1)
      return template_error(operand.fields.empty() ? operand.name : "." + operand.fields.back());
    operand.fields.back() = "Labels";
    RCRT_ASSIGN(Json labels, this->operand(operand, dot));
    return labels.is_object() ? labels.value(template_text(arguments[0]), Json("")) : arguments[0];
  }

  Result<Json> operand(const Operand& operand, const Json& dot) {
    Json value;
    switch (operand.kind) {
      case Operand::Kind::dot:
        return field(dot, operand.fields);
      case Operand::Kind::variable:
        for (auto it = variables_.rbegin(); it != variables_.rend(); ++it)
          if (it->first == operand.name) return field(it->second, operand.fields);
        return error("no such variable in template", operand.name, {}, EINVAL);
      case Operand::Kind::function:
        return call_template_function(operand.name, {});
      case Operand::Kind::literal:
        return operand.value;
      case Operand::Kind::pipeline:
        RCRT_ASSIGN(value, pipeline(operand.inner, dot));
        return field(value, operand.fields);
    }
    std::unreachable();
  }

  static Result<Json> field(const Json& data, const std::vector<std::string>& names) {
    const Json* at = &data;
    for (const auto& name : names) {
      auto it = at->is_object() ? at->find(name) : at->end();
      if (it == at->end()) return no_field(name);
      at = &*it;
    }
    return *at;
  }

  std::vector<std::pair<std::string, Json>> variables_;
};

}  // namespace

Result<std::string> apply_template(const std::string& text, const Json& data) {
  RCRT_ASSIGN(auto nodes, parse_template(text));
  Evaluation evaluation(data);
  RCRT_TRY(evaluation.run(nodes, data));
  return std::move(evaluation.out);
}

}  // namespace rcrt::cli
