// SPDX-License-Identifier: MIT
// An isolation plugin as the host sees it: the shared object, its one symbol.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <rcrt/isolation.h>

#include <rcrt/fake_host.hpp>
#include <string>

namespace rcrt::testing {

class LoadedPlugin {
 public:
  explicit LoadedPlugin(const std::string& path) : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) {
      ADD_FAILURE() << ::dlerror();
      return;
    }
    auto* entry = static_cast<const rcrt_plugin*>(::dlsym(handle_, RCRT_PLUGIN_SYMBOL));
    if (entry) table_ = static_cast<const rcrt_isolation_v1*>(entry->get_interface(RCRT_ISOLATION_V1));
    EXPECT_NE(table_, nullptr) << path;
  }
  LoadedPlugin(const LoadedPlugin&) = delete;
  LoadedPlugin& operator=(const LoadedPlugin&) = delete;
  ~LoadedPlugin() {
    if (handle_) ::dlclose(handle_);
  }

  const rcrt_isolation_v1* operator->() const { return table_; }

 private:
  void* handle_;
  const rcrt_isolation_v1* table_ = nullptr;
};

// True if a shared object with this in its name is mapped into this process.
bool library_is_loaded(const std::string& name);

}  // namespace rcrt::testing
