// SPDX-License-Identifier: MIT
#include "cli/template_syntax.h"

#include <algorithm>
#include <charconv>

#include "cli/template_tokens.h"
#include "core/run_options.h"

namespace rcrt::cli {
namespace {

using Kind = TemplateToken::Kind;

constexpr int kDeepest = 100;  // parentheses, and blocks in one another

// ".A.B" -> A, B.
Result<void> add_fields(std::vector<std::string>& fields, const std::string& path) {
  if (path.empty() || path == ".") return {};
  for (auto& name : split_words(path.substr(1), '.')) {
    if (name.empty()) return template_error(path);
    fields.push_back(std::move(name));
  }
  return {};
}

// One action's words.
class ActionParser {
 public:
  explicit ActionParser(const TemplatePiece& piece) : piece_(&piece) {}

  bool done() const { return at_ == tokens().size(); }
  bool takes(Kind kind, const std::string& text) {
    if (done() || tokens()[at_].kind != kind || tokens()[at_].text != text) return false;
    ++at_;
    return true;
  }
  std::unexpected<Error> refuse() const { return template_error("{{" + piece_->text + "}}"); }

  // "$x :=", "$key, $value :=".
  std::vector<std::string> variables() {
    std::vector<std::string> names;
    size_t start = at_;
    while (!done() && tokens()[at_].kind == Kind::variable && names.size() < 2) {
      names.push_back(tokens()[at_++].text);
      if (takes(Kind::symbol, ":=")) return names;
      if (!takes(Kind::symbol, ",")) break;
    }
    at_ = start;
    return {};
  }

  Result<Pipeline> pipeline() {
    Pipeline pipeline;
    do {
      RCRT_ASSIGN(Call call, this->call());
      pipeline.push_back(std::move(call));
    } while (takes(Kind::symbol, "|"));
    return pipeline;
  }

 private:
  Result<Call> call() {
    Call call;
    while (!done()) {
      const TemplateToken& token = tokens()[at_];
      if (token.kind == Kind::symbol && token.text != "(") break;
      RCRT_ASSIGN(Operand operand, this->operand());
      // Only the first word is called.
      if (operand.kind == Operand::Kind::function && !call.empty()) return refuse();
      call.push_back(std::move(operand));
    }
    if (call.empty()) return refuse();
    return call;
  }

  Result<Operand> operand() {
    const TemplateToken& token = tokens()[at_++];
    Operand operand;
    switch (token.kind) {
      case Kind::path:
        RCRT_TRY(add_fields(operand.fields, token.text));
        return operand;
      case Kind::variable:
        operand.kind = Operand::Kind::variable;
        operand.name = token.text;
        break;
      case Kind::string:
        operand.kind = Operand::Kind::literal;
        operand.value = token.text;
        return operand;
      case Kind::number: {
        operand.kind = Operand::Kind::literal;
        int64_t number = 0;
        const char* last = token.text.data() + token.text.size();
        if (auto [end, code] = std::from_chars(token.text.data(), last, number);
            code != std::errc() || end != last)
          return refuse();
        operand.value = number;
        return operand;
      }
      case Kind::word:
        operand.kind = Operand::Kind::literal;
        if (token.text == "true" || token.text == "false") {
          operand.value = token.text == "true";
        } else if (token.text != "nil") {
          operand.kind = Operand::Kind::function;
          operand.name = token.text;
        }
        return operand;
      case Kind::symbol: {
        if (token.text != "(" || ++depth_ > kDeepest) return refuse();
        operand.kind = Operand::Kind::pipeline;
        RCRT_ASSIGN(operand.inner, pipeline());
        if (!takes(Kind::symbol, ")")) return refuse();
        --depth_;
        break;
      }
      case Kind::field:
        return refuse();
    }
    if (!done() && tokens()[at_].kind == Kind::field)
      RCRT_TRY(add_fields(operand.fields, tokens()[at_++].text));
    return operand;
  }

  const std::vector<TemplateToken>& tokens() const { return piece_->tokens; }

  const TemplatePiece* piece_;
  size_t at_ = 0;
  int depth_ = 0;
};

class Parser {
 public:
  explicit Parser(std::vector<TemplatePiece> pieces) : pieces_(std::move(pieces)) {}

  Result<std::vector<TemplateNode>> run() {
    RCRT_ASSIGN(auto nodes, this->nodes());
    if (at_ != pieces_.size()) return template_error("{{" + pieces_[at_].text + "}}");
    return nodes;
  }

 private:
  // Up to an {{end}} or {{else}}, which stays, or the end of all.
  Result<std::vector<TemplateNode>> nodes() {
    std::vector<TemplateNode> nodes;
    for (; at_ < pieces_.size(); ++at_) {
      const TemplatePiece& piece = pieces_[at_];
      if (!piece.action) {
        nodes.push_back({.text = piece.text});
        continue;
      }
      if (piece.tokens.empty()) continue;  // a comment
      ActionParser action(piece);
      if (action.takes(Kind::word, "end") || action.takes(Kind::word, "else")) break;
      RCRT_ASSIGN(TemplateNode node, this->node(action));
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  Result<TemplateNode> node(ActionParser& action) {
    TemplateNode node;
    node.kind = action.takes(Kind::word, "if")      ? TemplateNode::Kind::condition
                : action.takes(Kind::word, "range") ? TemplateNode::Kind::range
                : action.takes(Kind::word, "with")  ? TemplateNode::Kind::with
                                                    : TemplateNode::Kind::output;
    node.variables = action.variables();
    RCRT_ASSIGN(node.pipeline, action.pipeline());
    bool two = node.variables.size() == 2 && node.kind != TemplateNode::Kind::range;
    if (!action.done() || two) return action.refuse();
    if (node.kind != TemplateNode::Kind::output) RCRT_TRY(block(node, action));
    return node;
  }

  // What a condition or loop holds, up to its {{end}}, which is taken; `at_` is at its last piece.
  Result<void> block(TemplateNode& node, const ActionParser& opening) {
    if (++depth_ > kDeepest) return opening.refuse();
    RCRT_TRY(parts(node, opening));
    --depth_;
    return {};
  }
  Result<void> parts(TemplateNode& node, const ActionParser& opening) {
    ++at_;
    RCRT_ASSIGN(node.body, nodes());
    if (at_ == pieces_.size()) return opening.refuse();
    ActionParser closing(pieces_[at_]);
    if (closing.takes(Kind::word, "else")) {
      if (!closing.done()) {  // {{else if ...}}: its {{end}} is ours too
        RCRT_ASSIGN(TemplateNode inner, this->node(closing));
        if (inner.kind == TemplateNode::Kind::output) return closing.refuse();
        node.otherwise.push_back(std::move(inner));
        return {};
      }
      ++at_;
      RCRT_ASSIGN(node.otherwise, nodes());
      if (at_ == pieces_.size()) return opening.refuse();
      closing = ActionParser(pieces_[at_]);
    }
    return closing.takes(Kind::word, "end") && closing.done() ? Result<void>() : closing.refuse();
  }

  std::vector<TemplatePiece> pieces_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<std::vector<TemplateNode>> parse_template(const std::string& text) {
  RCRT_ASSIGN(auto pieces, template_pieces(text));
  return Parser(std::move(pieces)).run();
}

}  // namespace rcrt::cli
