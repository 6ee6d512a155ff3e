// SPDX-License-Identifier: MIT
#include "core/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace rcrt {
namespace {

TEST(JsonText, IsWhatDumpGives) {
  Json all = {{"", ""},
              {"empty", {{"array", Json::array()}, {"object", Json::object()}, {"null", nullptr}}},
              {"numbers",
               {0, -1, 42U, std::numeric_limits<int64_t>::min(), std::numeric_limits<uint64_t>::max(), 0.1,
                -1e300, std::numeric_limits<double>::infinity()}},
              {"truth", {true, false}},
              {"nested", {{{{"a", {1, {2, {3}}}}}}, "last"}},
              {"name with \" and \\", "text\nwith\tcontrols\x01\x1f\x7f"},
              {"/dev/sd*", "Grüße 日本語 \xf0\x9f\x90\xb3"},
              {"nul", std::string("a\0b", 3)}};
  EXPECT_EQ(json_text(all), all.dump());
  for (const Json& value : all) EXPECT_EQ(json_text(value), value.dump());
  for (int c = 1; c < 0x80; ++c) {
    Json one = std::string("x") + static_cast<char>(c);
    EXPECT_EQ(json_text(one), one.dump()) << c;
  }
}

TEST(JsonText, ThrowsWhereAStringIsNotUtf8) {
  EXPECT_THROW(json_text("stray \xff byte"), Json::type_error);
  EXPECT_THROW(json_text({{"key \xc3", 1}}), Json::type_error);
}

TEST(JsonObject, IsWhatTheInitializerListGives) {
  std::string text = "moved";
  Json list = {1, 2};
  EXPECT_EQ(json_object({{"b", std::move(text)}, {"a", std::move(list)}, {"c", {{"d", true}}}, {"e", {"f"}}}),
            (Json{{"a", {1, 2}}, {"b", "moved"}, {"c", {{"d", true}}}, {"e", {"f"}}}));
  EXPECT_TRUE(list.is_null()) << "it was copied";
  EXPECT_EQ(json_object({}), Json::object());
}

}  // namespace
}  // namespace rcrt
