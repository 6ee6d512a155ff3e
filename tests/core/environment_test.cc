// SPDX-License-Identifier: MIT
#include "core/environment.h"

#include <gtest/gtest.h>

namespace {

using rcrt::Json;
using rcrt::set_variable;

TEST(EnvironmentTest, AVariableTakesThePlaceOfThoseOfItsName) {
  Json env = {"A=1", "AB=2", "B=3", "A=4"};
  set_variable(env, "A=5");
  EXPECT_EQ(env, (Json{"A=5", "AB=2", "B=3"}));
  set_variable(env, "C=");
  EXPECT_EQ(env, (Json{"A=5", "AB=2", "B=3", "C="}));
}

TEST(EnvironmentTest, AWordWithoutAValueLeavesTheOthersAlone) {
  Json env = {"A=1", "B=2"};
  set_variable(env, "C");
  EXPECT_EQ(env, (Json{"A=1", "B=2", "C"}));
}

TEST(EnvironmentTest, AbsentListsAreMade) {
  Json env;
  set_variable(env, "A=1");
  EXPECT_EQ(env, Json::array({"A=1"}));
}

}  // namespace
