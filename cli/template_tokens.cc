// SPDX-License-Identifier: MIT
#include "cli/template_tokens.h"

#include <cctype>
#include <cstring>

namespace rcrt::cli {
namespace {

bool is_name(char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// "\t" and "\n" as two characters, as a shell's quotes leave them.
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 't' || text[i + 1] == 'n');
    out += !escape ? text[i] : text[++i] == 't' ? '\t' : '\n';
  }
  return out;
}

void trim_end(std::string& text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
}

// The words of one action.
class Scanner {
 public:
  explicit Scanner(const std::string& text) : text_(text) {}

  Result<std::vector<TemplateToken>> run() {
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        ++at_;
        continue;
      }
      RCRT_TRY(token());
    }
    return std::move(tokens_);
  }

 private:
  using Kind = TemplateToken::Kind;

  Result<void> token() {
    char c = text_[at_];
    if (c == '"' || c == '`') return quoted(c);
    if (c == '.') {
      bool after = at_ > 0 && (strchr(")$", text_[at_ - 1]) != nullptr || is_name(text_[at_ - 1]));
      return take(after ? Kind::field : Kind::path, [](char d) { return is_name(d) || d == '.'; });
    }
    if (c == '$') return take(Kind::variable, is_name);
    if (isdigit(static_cast<unsigned char>(c)) != 0 || c == '-')
      return take(Kind::number, [](char d) { return isdigit(static_cast<unsigned char>(d)) != 0; });
    if (is_name(c)) return take(Kind::word, is_name);
    size_t size = text_.compare(at_, 2, ":=") == 0 ? 2 : 1;
    if (size == 1 && strchr("|(),", c) == nullptr) return template_error(text_.substr(at_));
    tokens_.push_back({Kind::symbol, text_.substr(at_, size)});
    at_ += size;
    return {};
  }

  Result<void> take(Kind kind, bool (*belongs)(char)) {
    size_t start = at_++;
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    tokens_.push_back({kind, text_.substr(start, at_ - start)});
    return {};
  }

  Result<void> quoted(char quote) {
    std::string value;
    for (size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        at_ = i + 1;
        tokens_.push_back({Kind::string, value});
        return {};
      }
      bool escape = quote == '"' && text_[i] == '\\' && i + 1 < text_.size();
      if (escape) ++i;
      value += escape && text_[i] == 't' ? '\t' : escape && text_[i] == 'n' ? '\n' : text_[i];
    }
    return template_error(text_.substr(at_));
  }

  const std::string& text_;
  size_t at_ = 0;
  std::vector<TemplateToken> tokens_;
};

// Where an action ends: the "}}" that is in no string.
size_t end_of_action(const std::string& text, size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    if (quote == 0 && text.compare(at, 2, "}}") == 0) return at;
    if (quote == 0 && (text[at] == '"' || text[at] == '`'))
      quote = text[at];
    else if (quote == '"' && text[at] == '\\')
      ++at;
    else if (text[at] == quote)
      quote = 0;
  }
  return std::string::npos;
}

}  // namespace

std::unexpected<Error> template_error(const std::string& where) {
  return error("template not understood at", where,
               "known: fields, $variables, if, else, range, with, end, json, index, len, join, split, lower, "
               "upper, title, truncate, print, printf, println, eq, ne, lt, le, gt, ge, and, or, not",
               EINVAL);
}

Result<std::vector<TemplatePiece>> template_pieces(const std::string& text) {
  std::vector<TemplatePiece> pieces;
  for (size_t at = 0; at < text.size();) {
    size_t start = text.find("{{", at);
    TemplatePiece plain;
    plain.text = text.substr(at, start == std::string::npos ? start : start - at);
    if (!pieces.empty() && pieces.back().text.ends_with(" -"))
      plain.text.erase(0, plain.text.find_first_not_of(" \t\n\r"));
    if (start == std::string::npos) {
      plain.text = unescape(plain.text);
      pieces.push_back(std::move(plain));
      break;
    }
    size_t end = end_of_action(text, start + 2);
    if (end == std::string::npos) return error("template does not end", text, "close {{ with }}", EINVAL);
    TemplatePiece action;
    action.action = true;
    action.text = text.substr(start + 2, end - start - 2);
    std::string inner = action.text;
    if (inner.starts_with("- ")) {
      trim_end(plain.text);
      inner.erase(0, 2);
    }
    if (inner.ends_with(" -")) inner.resize(inner.size() - 2);
    plain.text = unescape(plain.text);
    pieces.push_back(std::move(plain));
    at = end + 2;
    if (inner.starts_with("/*") && inner.ends_with("*/")) inner.clear();
    RCRT_ASSIGN(action.tokens, Scanner(inner).run());
    if (action.tokens.empty() && action.text.find("/*") == std::string::npos)
      return template_error("{{" + action.text + "}}");
    pieces.push_back(std::move(action));
  }
  return pieces;
}

}  // namespace rcrt::cli
