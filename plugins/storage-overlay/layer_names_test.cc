// SPDX-License-Identifier: MIT
#include "layer_names.h"

#include <gtest/gtest.h>

#include <set>

namespace rcrt::overlay {
namespace {

TEST(LayerNames, ThreeHundredLinksFitAndFiveHundredDoNot) {
  EXPECT_EQ(join_names(std::vector<std::string>(300, "l/ab12cd3")).size(), 300u * 10 - 1);
  EXPECT_EQ(join_names(std::vector<std::string>(500, "l/ab12cd3")), "");
}

TEST(LayerNames, RefusesWhatMeansSomethingInTheOptionString) {
  EXPECT_EQ(join_names({"l/a", "l/b"}), "l/a:l/b");
  for (const char* name : {"a:b", "a,b", "a\\b", "a\"b"}) EXPECT_EQ(join_names({name}), "") << name;
}

TEST(LayerNames, ShortNamesDifferAndFit) {
  std::set<std::string> seen;
  std::vector<std::string> names;
  for (size_t i = 0; i < kMaxLayers; ++i) names.push_back(short_name(i));
  seen.insert(names.begin(), names.end());
  EXPECT_EQ(seen.size(), kMaxLayers);
  EXPECT_NE(join_names(names), "");
}

}  // namespace
}  // namespace rcrt::overlay
