// SPDX-License-Identifier: MIT
#pragma once

#include <time.h>

#include <string>

namespace rcrt::image_oci {

// RFC 3339, seconds, UTC: what image configurations say of when they were made.
inline std::string now() {
  const time_t seconds = time(nullptr);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace rcrt::image_oci
