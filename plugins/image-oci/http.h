// SPDX-License-Identifier: MIT
// One HTTP exchange at a time on a kept connection; a thread has a client of its own.
// Follows no redirect and knows no credentials: what goes to which host is decided above.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plugins/image-oci/curl_library.h"
#include "plugins/image-oci/url.h"

namespace rcrt::image_oci {

// Whom to trust on a TLS connection.
struct TlsOptions {
  bool verify = true;
  std::vector<std::string> certs_dirs;  // folders that have a folder a registry: HOST/ca.crt
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  std::vector<std::string> headers;  // "Accept: ..."
  TlsOptions tls;

  // The body: a text, or `upload_size` bytes that `upload` gives, from any offset on: a
  // request may have to be sent again. Fewer is an error.
  std::string body;
  std::function<Result<size_t>(uint64_t offset, char* data, size_t size)> upload;
  uint64_t upload_size = 0;

  // Takes a 200's or 206's body as it comes; without it the response keeps it, up to
  // `largest_body`.
  std::function<Result<void>(const char* data, size_t size)> sink;
  // Asked once the headers are there, before the sink; an error ends the exchange.
  std::function<Result<void>(const struct HttpResponse& head)> accept;
  size_t largest_body = 1 << 20;
};

struct HttpResponse {
  int status = 0;                                            // 0: there was no answer
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // What went wrong with the exchange itself, before or in the middle of an answer.
  bool broken = false;
  bool transient = false;    // another try may succeed
  bool not_tls = false;      // the other side does not speak TLS
  bool unreachable = false;  // no connection came about
  Error failure;

  std::string header(std::string_view name) const;  // the first; "" when there is none
  std::vector<std::string> all_headers(std::string_view name) const;
};

class HttpClient {
 public:
  // `stop` ends a running exchange from another thread.
  static Result<HttpClient> make(const std::atomic<bool>* stop);
  HttpClient(HttpClient&& other) noexcept;
  HttpClient& operator=(HttpClient&&) = delete;
  ~HttpClient();

  HttpResponse send(const HttpRequest& request);
  // Sleeps, and wakes up early when told to stop.
  void pause(int milliseconds) const;
  bool stopped() const { return stop_ != nullptr && stop_->load(); }

 private:
  HttpClient() = default;

  const CurlLibrary* curl_ = nullptr;
  CURL* handle_ = nullptr;
  const std::atomic<bool>* stop_ = nullptr;
};

}  // namespace rcrt::image_oci
