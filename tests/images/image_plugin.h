// SPDX-License-Identifier: MIT
// image-oci as the host sees it, and a folder for one test.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <rcrt/image.h>
#include <unistd.h>

#include <cstdlib>
#include <rcrt/fake_host.hpp>
#include <string>

#include "base/tree.h"

namespace rcrt::testing {

inline const rcrt_image_v1* load_image_plugin(const char* path) {
  void* handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto* entry = static_cast<const rcrt_plugin*>(::dlsym(handle, RCRT_PLUGIN_SYMBOL));
  return entry ? static_cast<const rcrt_image_v1*>(entry->get_interface(RCRT_IMAGE_V1)) : nullptr;
}

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string made = ::testing::TempDir() + "/rcrt-images-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    base = made;
    root = base + "/store";
  }
  void TearDown() override {
    if (base.empty()) return;
    EXPECT_TRUE(remove_tree(base.c_str()));
  }
  std::string said() const { return host.error_what + " \"" + host.error_object + "\"; " + host.error_hint; }

  std::string base, root;
  sdk::FakeHost host;
};

}  // namespace rcrt::testing
