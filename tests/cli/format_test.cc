// SPDX-License-Identifier: MIT
#include "cli/format.h"

#include <gtest/gtest.h>

namespace rcrt::cli {
namespace {

TEST(Table, AlignsColumns) {
  EXPECT_EQ(table({{"A", "BBB", "C"}, {"aaa", "b", "c"}}), "A     BBB   C\naaa   b     c\n");
  EXPECT_EQ(table({}), "");
  EXPECT_EQ(table({{"sleep…", "x"}, {"sleep 5", "y"}}), "sleep…    x\nsleep 5   y\n")
      << "in columns, not bytes";
}

TEST(Words, Shortened) {
  EXPECT_EQ(shortened("four", 4), "four");
  EXPECT_EQ(shortened("fives", 4), "fiv…");
  EXPECT_EQ(shortened("äöüß", 4), "äöüß");
  EXPECT_EQ(shortened("äöüße", 4), "äöü…");
}

TEST(Time, Stamps) {
  EXPECT_EQ(timestamp(0), "0001-01-01T00:00:00Z");
  EXPECT_EQ(timestamp(1'700'000'000'000'000'001), "2023-11-14T22:13:20.000000001Z");
}

TEST(Time, Since) {
  EXPECT_EQ(since(0), "N/A");
  EXPECT_TRUE(since(1).ends_with(" years ago"));
}

TEST(Size, Decimal) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(4'260'000), "4.26MB");
}

}  // namespace
}  // namespace rcrt::cli
