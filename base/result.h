// SPDX-License-Identifier: MIT
// Error and Result<T>: how every function below main() reports failure.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace rcrt {

// One failure, for a person: what was attempted, on which object, the errno, and,
// where somebody can do something about it, a hint.
struct Error {
  std::string what;     // "cannot open"
  std::string object;   // "/etc/passwd"; may be empty
  int code = 0;         // errno value; 0 when no system call failed
  std::string hint;     // "run as root"; may be empty
  std::string cause;    // message() of the error below; may be empty
  int exit_code = 125;  // what rcrt exits with: 125 engine, 126 cannot execute, 127 not found

  // One line, no newline: what "object": errno text: cause; hint
  std::string message() const {
    std::string text = what;
    if (!object.empty()) text += " \"" + object + "\"";
    if (code != 0) text += std::string(": ") + std::strerror(code);
    if (!cause.empty()) text += ": " + cause;
    if (!hint.empty()) text += "; " + hint;
    for (char& c : text)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return text;
  }
};

template <typename T>
using Result = std::expected<T, Error>;

// An error from errno. Call it first thing after the failed system call.
[[nodiscard]] inline std::unexpected<Error> errno_error(std::string_view what, std::string_view object = {},
                                                        std::string_view hint = {}) {
  int code = errno;
  return std::unexpected(Error{std::string(what), std::string(object), code, std::string(hint), {}, 125});
}

// An error with no errno behind it.
[[nodiscard]] inline std::unexpected<Error> error(std::string_view what, std::string_view object = {},
                                                  std::string_view hint = {}, int code = 0) {
  return std::unexpected(Error{std::string(what), std::string(object), code, std::string(hint), {}, 125});
}

// Says what was being done when `below` happened.
[[nodiscard]] inline std::unexpected<Error> wrap(const Error& below, std::string_view what,
                                                 std::string_view object = {}) {
  return std::unexpected(
      Error{std::string(what), std::string(object), 0, {}, below.message(), below.exit_code});
}

}  // namespace rcrt

// RCRT_TRY(statement returning Result<void>): returns its error from this function.
#define RCRT_TRY(expression)                                                                             \
  do {                                                                                                   \
    if (auto rcrt_try_ = (expression); !rcrt_try_) return std::unexpected(std::move(rcrt_try_).error()); \
  } while (0)

#define RCRT_CONCAT_(a, b) a##b
#define RCRT_CONCAT(a, b) RCRT_CONCAT_(a, b)
// RCRT_ASSIGN(auto x, call()): x is the value, or this function returns the error.
#define RCRT_ASSIGN(declaration, expression) \
  RCRT_ASSIGN_(RCRT_CONCAT(rcrt_result_, __COUNTER__), declaration, expression)
#define RCRT_ASSIGN_(temporary, declaration, expression)                \
  auto temporary = (expression);                                        \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)
