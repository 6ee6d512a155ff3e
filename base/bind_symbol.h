// SPDX-License-Identifier: MIT
// For libraries that are loaded when they are needed, and not before.
#pragma once

#include <dlfcn.h>

namespace rcrt {

// Sets a pointer to the function that a library of dlopen(3) has by this name; false when it has none.
template <typename Function>
bool bind_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace rcrt
