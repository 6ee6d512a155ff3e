// SPDX-License-Identifier: MIT
#include "plugins/image-oci/challenge.h"

#include <optional>

namespace rcrt::image_oci {
namespace {

constexpr size_t kLongestHeader = 64 << 10;

bool is_token(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Challenge> run() {
    std::vector<Challenge> found;
    while (true) {
      skip_commas();
      const std::string scheme = token(true);
      if (scheme.empty()) return found;
      Challenge challenge{scheme, {}};
      // token68 instead of parameters ("Negotiate abc=") is not for us: the value is skipped.
      while (true) {
        const size_t before = at_;
        skip_commas();
        const std::string name = token(true);
        blanks();
        if (name.empty() || peek() != '=') {
          at_ = before;  // the next challenge, or the end
          break;
        }
        ++at_;
        blanks();
        auto text = value();
        if (!text) {
          found.push_back(std::move(challenge));
          return found;
        }
        challenge.parameters.emplace(name, std::move(*text));
      }
      found.push_back(std::move(challenge));
    }
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_commas() {
    while (peek() == ' ' || peek() == '\t' || peek() == ',') ++at_;
  }
  std::string token(bool lower) {
    std::string word;
    for (; is_token(peek()); ++at_) {
      const char c = peek();
      word += lower && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return word;
  }
  std::optional<std::string> value() {
    if (peek() != '"') {
      std::string word = token(false);
      return word.empty() ? std::nullopt : std::optional(std::move(word));
    }
    ++at_;
    std::string word;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return word;
      }
      if (text_[at_] == '\\') {
        ++at_;
        if (at_ == text_.size()) break;
      }
      word += text_[at_];
    }
    return std::nullopt;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  if (header.size() > kLongestHeader) return {};
  return Parser(header).run();
}

}  // namespace rcrt::image_oci
