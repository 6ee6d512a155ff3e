// SPDX-License-Identifier: MIT
// When another try makes sense, and how long to wait for it.
#pragma once

#include "plugins/image-oci/http.h"

namespace rcrt::image_oci {

inline constexpr int kTries = 6;

// 429, 408 and 5xx, and connections that broke.
bool is_worth_another_try(const HttpResponse& response);
// Before try number `tries` + 1: longer each time, or what the server asks for.
int back_off_milliseconds(int tries, const HttpResponse& response);

// For requests that may be repeated and keep their answer's body. A registry that nobody
// listens for fails at once.
HttpResponse send_with_retries(HttpClient& http, const HttpRequest& request);

}  // namespace rcrt::image_oci
