// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/e2e/own_host.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return rcrt::test::in_own_host([] { return RUN_ALL_TESTS(); });
}
