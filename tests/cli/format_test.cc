// SPDX-License-Identifier: MIT
#include "cli/format.h"

#include <gtest/gtest.h>

namespace rcrt::cli {
namespace {

std::string apply(const std::string& text) {
  static const Json data = {
      {"Name", "n"}, {"State", {{"Running", true}, {"Pid", 7}}}, {"List", {1, 2}}, {"Null", nullptr}};
  return apply_template(text, data).value_or("refused");
}

TEST(Template, Fields) {
  EXPECT_EQ(apply("{{.Name}}"), "n");
  EXPECT_EQ(apply("<{{ .State.Pid }}>\\t{{.State.Running}}\\n"), "<7>\ttrue\n");
  EXPECT_EQ(apply("{{json .Name}} {{json .State}} {{json .}}").substr(0, 29),
            "\"n\" {\"Pid\":7,\"Running\":true} ");
  EXPECT_EQ(apply("{{.List}} {{.Null}}"), "[1,2] <no value>");
  EXPECT_EQ(apply("no template } { \\x"), "no template } { \\x");
  EXPECT_EQ(apply(""), "");
}

TEST(Template, Refused) {
  for (const char* text : {"{{.NoSuch}}", "{{.Name.Below}}", "{{.List.0}}", "{{.Name", "{{}}", "{{Name}}",
                           "{{if .Name}}x{{end}}", "{{.Name | upper}}", "{{range .List}}"})
    EXPECT_EQ(apply(text), "refused") << text;
}

TEST(Table, AlignsColumns) {
  EXPECT_EQ(table({{"A", "BBB", "C"}, {"aaa", "b", "c"}}), "A     BBB   C\naaa   b     c\n");
  EXPECT_EQ(table({}), "");
}

TEST(Time, Stamps) {
  EXPECT_EQ(timestamp(0), "0001-01-01T00:00:00Z");
  EXPECT_EQ(timestamp(1'700'000'000'000'000'001), "2023-11-14T22:13:20.000000001Z");
}

TEST(Size, Decimal) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(4'260'000), "4.26MB");
}

}  // namespace
}  // namespace rcrt::cli
