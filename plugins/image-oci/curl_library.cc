// SPDX-License-Identifier: MIT
#include "plugins/image-oci/curl_library.h"

#include <dlfcn.h>

#include "base/bind_symbol.h"

namespace rcrt::image_oci {
namespace {

Result<CurlLibrary> load() {
  void* handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr)
    return error("cannot load libcurl", "libcurl.so.4", "registries need it: install the package libcurl4",
                 ENOENT);
  CurlLibrary curl{};
  const bool complete = bind_symbol(handle, "curl_global_init", curl.global_init) &&
                        bind_symbol(handle, "curl_easy_init", curl.init) &&
                        bind_symbol(handle, "curl_easy_cleanup", curl.cleanup) &&
                        bind_symbol(handle, "curl_easy_reset", curl.reset) &&
                        bind_symbol(handle, "curl_easy_setopt", curl.setopt) &&
                        bind_symbol(handle, "curl_easy_getinfo", curl.getinfo) &&
                        bind_symbol(handle, "curl_easy_perform", curl.perform) &&
                        bind_symbol(handle, "curl_easy_strerror", curl.strerror) &&
                        bind_symbol(handle, "curl_slist_append", curl.slist_append) &&
                        bind_symbol(handle, "curl_slist_free_all", curl.slist_free_all);
  if (!complete)
    return error("libcurl lacks functions", "libcurl.so.4", "libcurl 7.88 or newer is needed", ENOSYS);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return error("cannot initialise libcurl");
  return curl;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  // Initialised once, whichever thread comes first.
  static const Result<CurlLibrary> library = load();
  if (!library) return std::unexpected(library.error());
  return &*library;
}

}  // namespace rcrt::image_oci
