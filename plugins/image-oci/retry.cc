// SPDX-License-Identifier: MIT
#include "plugins/image-oci/retry.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace rcrt::image_oci {
namespace {

constexpr int kFirst = 300;
constexpr int kLongest = 8'000;
constexpr int kLongestAsked = 120'000;

// What a server asks for: a number of seconds, or a date ("Wed, 21 Oct 2026 07:28:00 GMT").
std::optional<int> asked_milliseconds(const std::string& retry_after) {
  constexpr int64_t kMost = kLongestAsked / 1000;
  if (retry_after.empty()) return std::nullopt;
  int64_t seconds = 0;
  const char* const text_end = retry_after.data() + retry_after.size();
  auto [end, code] = std::from_chars(retry_after.data(), text_end, seconds);
  if (code != std::errc() || end != text_end) {
    tm date{};
    const char* const rest = strptime(retry_after.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    seconds = std::max<int64_t>(timegm(&date) - time(nullptr), 0);
  }
  if (seconds < 0) return std::nullopt;
  return static_cast<int>(std::min(seconds, kMost)) * 1000;
}

}  // namespace

bool is_worth_another_try(const HttpResponse& response) {
  if (response.broken) return response.transient;
  return response.status == 429 || response.status == 408 ||
         (response.status >= 500 && response.status != 501 && response.status != 505);
}

int back_off_milliseconds(int tries, const HttpResponse& response) {
  if (auto asked = asked_milliseconds(response.header("retry-after"))) return *asked;
  const int base = std::min(kFirst << std::min(tries - 1, 10), kLongest);
  unsigned char random = 0;  // so that many clients do not come back at once
  if (getrandom(&random, sizeof random, 0) != sizeof random) random = 0;
  return base + base * random / 1024;
}

HttpResponse send_with_retries(HttpClient& http, const HttpRequest& request) {
  for (int tries = 1;; ++tries) {
    HttpResponse response = http.send(request);
    if (tries == kTries || http.stopped() || !is_worth_another_try(response) || response.unreachable)
      return response;
    http.pause(back_off_milliseconds(tries, response));
  }
}

}  // namespace rcrt::image_oci
