// SPDX-License-Identifier: MIT
#pragma once

#include <locale.h>

namespace rcrt::image_oci {

// libarchive converts names to the locale's character set, and the runtime's is "C". Names
// in images are UTF-8, whatever the locale; for this thread and this call only.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = uselocale(locale_);
  }
  ~Utf8Locale() {
    if (locale_ == nullptr) return;
    uselocale(before_);
    freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

}  // namespace rcrt::image_oci
