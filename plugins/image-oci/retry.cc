// SPDX-License-Identifier: MIT
#include "plugins/image-oci/retry.h"

#include <sys/random.h>

#include <algorithm>
#include <charconv>

namespace rcrt::image_oci {
namespace {

constexpr int kFirst = 300;
constexpr int kLongest = 8'000;
constexpr int kLongestAsked = 120'000;

}  // namespace

bool is_worth_another_try(const HttpResponse& response) {
  if (response.broken) return response.transient;
  return response.status == 429 || response.status == 408 ||
         (response.status >= 500 && response.status != 501 && response.status != 505);
}

int back_off_milliseconds(int tries, const HttpResponse& response) {
  const std::string asked = response.header("retry-after");
  int seconds = 0;
  auto [end, code] = std::from_chars(asked.data(), asked.data() + asked.size(), seconds);
  if (!asked.empty() && code == std::errc() && end == asked.data() + asked.size() && seconds >= 0)
    return std::min(seconds, kLongestAsked / 1000) * 1000;
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
