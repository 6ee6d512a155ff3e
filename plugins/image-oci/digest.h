// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace rcrt::image_oci {

// SHA-256 of a stream.
class Sha256 {
 public:
  Sha256();
  void update(const void* data, size_t size);
  // 64 lower-case hexadecimal digits. Ends the stream.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_hex(std::string_view text);

// "sha256:<64 lower-case hexadecimal digits>".
bool is_digest(std::string_view digest);
bool is_hex_digest(std::string_view hex);

}  // namespace rcrt::image_oci
