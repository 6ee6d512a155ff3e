// SPDX-License-Identifier: MIT
#include "cli/template.h"

#include <gtest/gtest.h>

namespace rcrt::cli {
namespace {

std::string apply(const std::string& text) {
  static const Json data = Json::parse(R"({
      "Name": "n", "Names": ["one", "two"], "State": {"Running": true, "Pid": 7, "Error": ""}, "List": [1, 2],
      "Null": null, "Empty": [], "Labels": {"a.b": "c", "d": ""},
      "Ports": {"80/tcp": [{"HostPort": "8080"}, {"HostPort": "8081"}]},
      "Mounts": [{"Source": "/a", "RW": true}, {"Source": "/b", "RW": false}]})");
  auto result = apply_template(text, data);
  return result ? *result : "refused: " + result.error().message();
}

TEST(Template, Fields) {
  EXPECT_EQ(apply("{{.Name}}"), "n");
  EXPECT_EQ(apply("<{{ .State.Pid }}>\\t{{.State.Running}}\\n"), "<7>\ttrue\n");
  EXPECT_EQ(apply("{{json .Name}} {{json .State.Pid}} {{json .List}}"), "\"n\" 7 [1,2]");
  EXPECT_EQ(apply("{{json .}}").substr(0, 10), "{\"Empty\":[");
  EXPECT_EQ(apply("{{.List}} {{.Null}} {{.Labels}}"), "[1 2] <no value> map[a.b:c d:]")
      << "as Go prints them";
  EXPECT_EQ(apply("no template } { \\x"), "no template } { \\x");
  EXPECT_EQ(apply(""), "");
}

TEST(Template, IndexAndLabel) {
  EXPECT_EQ(apply("{{index .Labels \"a.b\"}}"), "c");
  EXPECT_EQ(apply("<{{index .Labels `nosuch`}}>"), "<>");
  EXPECT_EQ(apply("{{index .Names 1}}"), "two");
  EXPECT_EQ(apply("{{(index (index .Ports \"80/tcp\") 0).HostPort}}"), "8080");
  EXPECT_EQ(apply("{{(index .Ports \"80/tcp\" 1).HostPort}}"), "8081");
  EXPECT_EQ(apply("{{.Label \"a.b\"}}<{{.Label \"none\"}}>"), "c<>");
}

TEST(Template, Conditions) {
  EXPECT_EQ(apply("{{if .State.Running}}up{{else}}down{{end}}"), "up");
  EXPECT_EQ(apply("{{if .State.Error}}bad{{else if eq .State.Pid 7}}seven{{else}}other{{end}}"), "seven");
  EXPECT_EQ(apply("{{if and .Name (not .Empty)}}both{{end}}{{if or .Empty .Null}}one{{end}}"), "both");
  EXPECT_EQ(apply("{{with .State}}{{.Pid}} of {{$.Name}}{{end}}{{with .Empty}}x{{else}}none{{end}}"),
            "7 of nnone");
  EXPECT_EQ(
      apply("{{if lt .State.Pid 8}}a{{end}}{{if ge .State.Pid 8}}b{{end}}{{if ne .Name \"n\"}}c{{end}}"),
      "a");
}

TEST(Template, Ranges) {
  EXPECT_EQ(apply("{{range .Mounts}}{{.Source}}{{if .RW}}:rw{{end}} {{end}}"), "/a:rw /b ");
  EXPECT_EQ(apply("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}};{{end}}"), "0=/a;1=/b;");
  EXPECT_EQ(apply("{{range $port, $all := .Ports}}{{$port}}{{range $all}} {{.HostPort}}{{end}}{{end}}"),
            "80/tcp 8080 8081");
  EXPECT_EQ(apply("{{range $n := .Names}}<{{$n}}>{{end}}{{range .Empty}}x{{else}}none{{end}}"),
            "<one><two>none");
  EXPECT_EQ(apply("{{range .Names}}{{.}}{{$.Name}} {{end}}"), "onen twon ");
}

TEST(Template, Pipelines) {
  EXPECT_EQ(apply("{{.Name | upper}} {{.Names | json}} {{len .List}} {{join .Names \", \"}}"),
            "N [\"one\",\"two\"] 2 one, two");
  EXPECT_EQ(apply("{{printf \"%-4s|%.2s|%d%%\" .Name \"word\" .State.Pid}}"), "n   |wo|7%");
  EXPECT_EQ(apply("{{printf \"%q\" .Name}}{{println .Name 1}}{{print \"a\\tb\"}}"), "\"n\"n 1\na\tb");
  EXPECT_EQ(
      apply(
          "{{index (split \"a:b\" \":\") 1}}{{title \"some words\"}}{{truncate \"long\" 2}}{{lower \"AB\"}}"),
      "bSome Wordsloab");
  EXPECT_EQ(apply("{{$x := .State.Pid}}{{$x}}{{/* nothing */}}"), "7");
}

TEST(Template, TakesSpaceAway) {
  EXPECT_EQ(apply("a  {{- .Name -}}  b"), "anb");
  EXPECT_EQ(apply("a {{.Name}} b"), "a n b");
  EXPECT_EQ(apply("{{\"}}\"}}"), "}}");
}

TEST(Template, Refused) {
  for (const char* text : {"{{.NoSuch}}",
                           "{{.Name.Below}}",
                           "{{.List.0}}",
                           "{{.Name",
                           "{{}}",
                           "{{Name}}",
                           "{{if .Name}}x",
                           "{{end}}",
                           "{{else}}",
                           "{{range .List}}{{else}}",
                           "{{range .Name}}{{end}}",
                           "{{$nosuch}}",
                           "{{.Name | nosuch}}",
                           "{{index .List 2}}",
                           "{{index .List -1}}",
                           "{{index .Name 0}}",
                           "{{join .Name 1}}",
                           "{{printf \"%x\" 1}}",
                           "{{printf \"%s\"}}",
                           "{{.Name .Name}}",
                           "{{len}}",
                           "{{(.Name}}",
                           "{{.Name)}}",
                           "{{.Name ? 1}}",
                           "{{\"open}}",
                           "{{if .Name}}{{else}}{{else}}{{end}}",
                           "{{$a, $b := .Name}}",
                           "{{truncate .Name .Name}}",
                           "{{len json}}"})
    EXPECT_TRUE(apply(text).starts_with("refused: ")) << text << ": " << apply(text);
}

}  // namespace
}  // namespace rcrt::cli
