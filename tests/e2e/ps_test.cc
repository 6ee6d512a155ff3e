// SPDX-License-Identifier: MIT
// `rcrt ps`: which containers, and how they are shown.
#include <gmock/gmock.h>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PsTest : public StageTest {
 protected:
  // Three for all tests, in this order: one ended with 4, one with 0, one runs.
  static void SetUpTestSuite() {
    StageTest::SetUpTestSuite();
    if (!stage) return;
    run({"run", "-d", "--name", "failed", "-l", "tier=back", "-l", "x", "busybox", "sh", "-c", "exit 4"});
    run({"run", "-d", "--name", "done", "-l", "tier=front", "-v", "store:/data", "busybox", "true"});
    EXPECT_EQ(run({"wait", "failed", "done"}).out, "4\n0\n");
    run({"run", "-d", "--name", "runs", "-l", "tier=back", "-v", "/etc:/of-host:ro", "busybox", "sleep",
         "1000"});
  }
  static void TearDownTestSuite() {
    if (stage) {
      EXPECT_EQ(run({"rm", "-f", "runs", "failed", "done"}).code, 0);
      EXPECT_EQ(run({"volume", "rm", "store"}).code, 0);
    }
    StageTest::TearDownTestSuite();
  }
  void TearDown() override {}  // they stay

  // Names, the newest first.
  static std::string names(const std::vector<std::string>& options) {
    std::vector<std::string> words = {"ps", "--format", "{{.Names}}"};
    words.insert(words.end(), options.begin(), options.end());
    Output output = run(words);
    EXPECT_EQ(output.code, 0) << output;
    std::string line;
    for (char c : output.out) line += c == '\n' ? ' ' : c;
    return line;
  }
};

TEST_F(PsTest, ShowsThoseThatRun) {
  EXPECT_EQ(names({}), "runs ");
  EXPECT_EQ(names({"-a"}), "runs done failed ");
  EXPECT_EQ(names({"-n", "2"}), "runs done ");
  EXPECT_EQ(names({"--last=10"}), "runs done failed ");
  EXPECT_EQ(names({"-l"}), "runs ");
  EXPECT_EQ(names({"-l", "--filter", "status=exited"}), "done ");
}

TEST_F(PsTest, Filters) {
  EXPECT_EQ(names({"--filter", "status=exited"}), "done failed ");
  EXPECT_EQ(names({"-f", "status=exited", "-f", "status=running"}), "runs done failed ");
  EXPECT_EQ(names({"-f", "exited=4"}), "failed ");
  EXPECT_EQ(names({"-a", "-f", "exited=0", "-f", "exited=4"}), "done failed ");
  EXPECT_EQ(names({"-af", "name=^(runs|fail.*)$"}), "runs failed ");
  EXPECT_EQ(names({"-af", "name=on"}), "done ");
  EXPECT_EQ(names({"-af", "name=^/done$"}), "done ") << "as docker writes names";
  EXPECT_EQ(names({"-af", "label=tier=back"}), "runs failed ");
  EXPECT_EQ(names({"-af", "label=tier"}), "runs done failed ");
  EXPECT_EQ(names({"-af", "label=tier=back", "-f", "label=x"}), "failed ") << "all labels";
  EXPECT_EQ(names({"-f", "label=tier=front"}), "");
  std::string id = stage->inspect("done").value("Id", "");
  EXPECT_EQ(names({"-a", "-f", "id=" + id.substr(0, 8)}), "done ");
  EXPECT_EQ(names({"-a", "-f", "before=runs"}), "done failed ");
  EXPECT_EQ(names({"-a", "-f", "since=failed"}), "runs done ");
  EXPECT_EQ(names({"-a", "-f", "volume=store"}), "done ");
  EXPECT_EQ(names({"-a", "-f", "volume=/of-host"}), "runs ");
}

TEST_F(PsTest, FiltersByImageAndNetwork) {
  std::string image = stage->inspect("done").value("Image", "");
  for (const auto& name :
       {std::string("busybox"), std::string("docker.io/library/busybox:latest"), image, image.substr(7, 12)})
    EXPECT_EQ(names({"-a", "-f", "ancestor=" + name}), "runs done failed ") << name;
  EXPECT_EQ(names({"-a", "-f", "ancestor=busybo"}), "");
  EXPECT_EQ(names({"-a", "-f", "network=none"}), "runs done failed ");
  EXPECT_EQ(names({"-a", "-f", "network=bridge"}), "");
  ASSERT_EQ(run({"run", "-d", "--net=host", "--name", "with-host", "busybox", "sleep", "1000"}).code, 0);
  EXPECT_EQ(names({"-f", "network=host"}), "with-host ");
  EXPECT_EQ(run({"rm", "-f", "with-host"}).code, 0);
}

TEST_F(PsTest, RefusesWhatIsNoFilter) {
  for (const char* filter : {"", "nosuch=1", "status=idle", "exited=soon", "name=(", "label", "id="}) {
    Output output = run({"ps", "-f", filter});
    EXPECT_EQ(output.code, 125) << filter << output;
    EXPECT_EQ(output.out, "");
    EXPECT_THAT(output.err, AllOf(StartsWith("rcrt: "), HasSubstr(filter))) << filter;
  }
  EXPECT_THAT(run({"ps", "-f", "since=nosuch"}).err, HasSubstr("no such container \"nosuch\""));
}

TEST_F(PsTest, Templates) {
  EXPECT_EQ(run({"ps", "--format", "{{.Names}}: {{.Label \"tier\"}} {{.Networks}} {{.Mounts}}"}).out,
            "runs: back none /etc\n");
  EXPECT_EQ(run({"ps", "-af", "name=done", "--format", "{{.Mounts}}{{if .Ports}}x{{end}}"}).out, "store\n");
  EXPECT_THAT(run({"ps", "-a", "--format", "table {{.Names}}\\t{{.Label \"tier\"}}"}).out,
              StartsWith("NAMES    tier\nruns     back\ndone     front\n"));
  EXPECT_EQ(
      run({"inspect", "-f", "{{range .Mounts}}{{.Name}}:{{.Destination}} {{end}}{{len .Mounts}}", "done"})
          .out,
      "store:/data 1\n");
  EXPECT_EQ(run({"inspect", "-f", "{{index .Config.Labels \"tier\"}}{{index .Config.Cmd 0}}", "failed"}).out,
            "backsh\n");
  EXPECT_EQ(
      run({"inspect", "-f", "{{range $name, $n := .NetworkSettings.Networks}}{{$name}}{{end}}", "runs"}).out,
      "none\n");
  EXPECT_EQ(run({"inspect", "-f", "{{if .State.Running}}up{{else}}ended {{.State.ExitCode}}{{end}}", "runs",
                 "failed"})
                .out,
            "up\nended 4\n");
  Output wrong = run({"ps", "--format", "{{range .Names}}"});
  EXPECT_EQ(wrong.code, 125);
  EXPECT_THAT(wrong.err, HasSubstr("range .Names"));
}

TEST_F(PsTest, Sizes) {
  ASSERT_EQ(
      run({"run", "--name", "large", "busybox", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x >/f"})
          .code,
      0);
  EXPECT_THAT(run({"ps", "-a", "-s"}).out, AllOf(HasSubstr(" SIZE\n"), HasSubstr(" 3MB (virtual ")));
  const std::string image = run({"images", "--format", "{{.Size}}", "busybox"}).out;
  Output sizes = run({"ps", "-a", "--format", "{{.Names}} {{.Size}}"});
  EXPECT_THAT(sizes.out, testing::ContainsRegex("large 3MB \\(virtual [0-9.]+MB\\)\n"));
  EXPECT_THAT(sizes.out, HasSubstr("(virtual " + image.substr(0, image.size() - 1) + ")\n"));
  EXPECT_EQ(run({"ps", "-a"}).out.find("SIZE"), std::string::npos);
  EXPECT_EQ(run({"rm", "large"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
