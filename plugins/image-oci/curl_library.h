// SPDX-License-Identifier: MIT
// libcurl, loaded when a registry is spoken to and not before: it costs 5 ms, and
// importing and unpacking need none of it.
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

#include "base/result.h"

namespace rcrt::image_oci {

struct CurlLibrary {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) init;
  decltype(&::curl_easy_cleanup) cleanup;
  decltype(&::curl_easy_reset) reset;
  decltype(&::curl_easy_setopt) setopt;
  decltype(&::curl_easy_getinfo) getinfo;
  decltype(&::curl_easy_perform) perform;
  decltype(&::curl_easy_strerror) strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

// Stays loaded for the life of the process.
Result<const CurlLibrary*> curl_library();

}  // namespace rcrt::image_oci
