// SPDX-License-Identifier: MIT
// save, load, export, commit, diff, and pull, push and run with archives in a registry's place.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/e2e/stage.h"
#include "tests/images/tree_look.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;

class ArchivesTest : public StageTest {
 protected:
  static void SetUpTestSuite() {
    StageTest::SetUpTestSuite();
    if (!stage) return;
    const std::string root = stage->dir() + "/content";
    ASSERT_EQ(run({"unpack", "busybox", root}).code, 0);
    fs::create_directories(root + "/d/below");
    std::ofstream(root + "/d/file") << "of the image";
    fs::create_hard_link(root + "/d/file", root + "/d/hard");
    ASSERT_EQ(run({"import", "-c", "CMD [\"cat\", \"/d/file\"]", root, "app:1"}).code, 0);
    ASSERT_EQ(
        run({"run", "--name", "c", "-e", "MADE=yes", "app:1", "sh", "-c",
             "echo new >/new; rm -r /d; mkdir /d; echo again >/d/other; rm /bin/arch; chmod 600 /etc/passwd"})
            .code,
        0);
    ASSERT_EQ(run({"commit", "-c", "CMD [\"cat\", \"/new\"]", "c", "app:2"}).code, 0);
  }
  static void TearDownTestSuite() {
    if (stage) run({"rm", "c"});
    StageTest::TearDownTestSuite();
  }
  void TearDown() override {
    for (const char* path : {"/out", "/a", "/b"}) fs::remove_all(stage->dir() + path);
  }
  static std::string path(const std::string& name) { return stage->dir() + "/" + name; }
  static std::string id(const std::string& image) {
    return run({"inspect", "--type=image", "-f", "{{.Id}}", image}).out;
  }
  // The image's file system.
  static std::map<std::string, std::string> files(const std::string& image) {
    fs::remove_all(path("a"));
    Output unpacked = run({"unpack", image, path("a")});
    EXPECT_EQ(unpacked.code, 0) << unpacked;
    return look(path("a"));
  }
};

TEST_F(ArchivesTest, CommitKeepsWhatTheContainerChanged) {
  const auto image = files("app:2");
  EXPECT_TRUE(image.contains("/d/other"));
  EXPECT_FALSE(image.contains("/d/file")) << "the folder was made anew";
  EXPECT_FALSE(image.contains("/bin/arch"));
  EXPECT_TRUE(image.contains("/new"));
  EXPECT_EQ(run({"run", "--rm", "app:2"}).out, "new\n");
  EXPECT_THAT(run({"run", "--rm", "app:2", "env"}).out, HasSubstr("MADE=yes\n"));
  EXPECT_EQ(run({"run", "--rm", "app:2", "ls", "/d"}).out, "other\n");
  // Of a running container, whose processes go on.
  ASSERT_EQ(run({"run", "-d", "--name", "r", "app:1", "sleep", "100"}).code, 0);
  Output committed = run({"commit", "r"});
  EXPECT_EQ(committed.code, 0) << committed;
  EXPECT_THAT(committed.out, testing::MatchesRegex("sha256:[0-9a-f]{64}\n"));
  EXPECT_EQ(stage->inspect("r")["State"]["Running"], true);
  EXPECT_EQ(run({"rm", "-f", "r"}).code, 0);
  EXPECT_EQ(run({"image", "prune", "-f"}).code, 0);
}

// The events a layer has had, by its digest; the last of each.
std::map<std::string, Json> layer_events(const std::string& lines) {
  std::map<std::string, Json> last;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const Json event = Json::parse(line, nullptr, false);
    EXPECT_TRUE(event.is_object()) << line;
    if (event.value("event", "") == "blob") last[event.value("digest", "")] = event;
  }
  return last;
}

TEST_F(ArchivesTest, LoadAndSaveSayHowTheyGetOn) {
  for (const char* transport : {"docker-archive", "oci-archive", "oci", "dir"}) {
    SCOPED_TRACE(transport);
    const std::string to = std::string(transport) + ":" + path("b");
    Output saved = run({"save", "--progress=json", "-o", to, "app:2"});
    ASSERT_EQ(saved.code, 0) << saved;
    EXPECT_EQ(saved.err, "");
    const auto written = layer_events(saved.out);
    EXPECT_EQ(written.size(), 2u) << saved;
    for (const auto& [digest, event] : written) {
      EXPECT_EQ(event["state"], "done");
      EXPECT_EQ(event["current"], event["total"]);
      EXPECT_GT(event["total"], 0);
    }
    Output loaded = run({"--root", path("second"), "load", "--progress=json", to});
    ASSERT_EQ(loaded.code, 0) << loaded;
    const auto read = layer_events(loaded.out);
    EXPECT_EQ(read.size(), 2u) << loaded;
    for (const auto& [digest, event] : read) EXPECT_EQ(event["state"], "done");
    EXPECT_THAT(loaded.out, HasSubstr(R"("event":"image")"));
    // Once more: there is nothing to do, or nothing but to look.
    Output again = run({"--root", path("second"), "load", to});
    ASSERT_EQ(again.code, 0) << again;
    EXPECT_THAT(again.err,
                HasSubstr(std::string(transport) == "docker-archive" ? ": done" : ": already there"));
    EXPECT_EQ(run({"--root", path("second"), "load", "-q", to}).err, "");
    fs::remove_all(path("b"));
    fs::remove_all(path("second"));
  }
  EXPECT_THAT(run({"save", "app:2", "--progress=plain"}).err, HasSubstr(": done ("));
  EXPECT_EQ(run({"save", "-q", "app:2"}).err, "");
  EXPECT_EQ(run({"save", "--progress=json", "app:2"}).code, 125);
  // Bars on a terminal.
  const std::string command =
      stage->program() + " --root " + stage->root() + " save -o " + path("b") + " app:2";
  EXPECT_THAT(observe("TERM=xterm script -qec '" + command + "' /dev/null"), HasSubstr("done ("));
}

TEST_F(ArchivesTest, DiffAndExport) {
  EXPECT_EQ(run({"diff", "c"}).out,
            "C /bin\nD /bin/arch\nC /d\nD /d/below\nD /d/file\nD /d/hard\nA /d/other\nC /etc\nC "
            "/etc/passwd\nA /new\n");
  EXPECT_EQ(Json::parse(run({"diff", "--json", "c"}).out, nullptr, false).size(), 10u);
  ASSERT_EQ(run({"export", "-o", path("b"), "c"}).code, 0);
  ASSERT_EQ(run({"import", path("b"), "flat"}).code, 0);
  auto flat = files("flat"), whole = files("app:2");
  for (const char* made : {"/dev", "/proc", "/sys", "/etc", ""}) flat.erase(made), whole.erase(made);
  for (const auto& [name, line] : whole) EXPECT_EQ(flat[name], line) << name;
  EXPECT_EQ(run({"rmi", "flat"}).code, 0);
}

TEST_F(ArchivesTest, ThereAndBack) {
  const std::string first = id("app:1"), second = id("app:2");
  const auto before = files("app:2");
  for (const std::string transport : {"oci", "oci-archive", "docker-archive", "dir"}) {
    SCOPED_TRACE(transport);
    const std::string to = transport + ":" + path("out");
    Output saved =
        transport == "dir" ? run({"save", "-o", to, "app:2"}) : run({"save", "-o", to, "app:1", "app:2"});
    ASSERT_EQ(saved.code, 0) << saved;
    ASSERT_EQ(run({"rmi", "app:2"}).code, 0);
    Output loaded = run({"load", "-i", path("out")});
    ASSERT_EQ(loaded.code, 0) << loaded;
    if (transport == "dir") {
      EXPECT_EQ(loaded.out, "Loaded image ID: " + second);
      ASSERT_EQ(run({"tag", second.substr(7, 12), "app:2"}).code, 0);
    } else {
      EXPECT_EQ(loaded.out, "Loaded image: docker.io/library/app:1\nLoaded image: docker.io/library/app:2\n");
    }
    EXPECT_EQ(id("app:1"), first);
    EXPECT_EQ(id("app:2"), second);
    EXPECT_EQ(files("app:2"), before);
    EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
    fs::remove_all(path("out"));
  }
}

TEST_F(ArchivesTest, StandardInputAndOutput) {
  const std::string second = id("app:2");
  for (const char* format : {"docker-archive", "oci-archive"}) {
    Output archive = run({"save", "--format", format, "app:2"});
    ASSERT_EQ(archive.code, 0) << archive.err;
    ASSERT_EQ(run({"rmi", "app:2"}).code, 0);
    EXPECT_EQ(run({"load", "-q"}, archive.out).out, second);
    EXPECT_EQ(id("app:2"), second);
  }
  Output refused = run({"save", "--format", "oci-dir", "app:2"});
  EXPECT_EQ(refused.code, 125);
  EXPECT_THAT(refused.err, HasSubstr("standard output"));
}

TEST_F(ArchivesTest, ImportsFromStandardInput) {
  ASSERT_EQ(run({"create", "--name", "source", "app:2"}).code, 0);
  const std::string archive = run({"export", "source"}).out;
  EXPECT_EQ(run({"rm", "source"}).code, 0);
  EXPECT_EQ(run({"import", "-c", "CMD echo piped", "-", "piped"}, archive).code, 0);
  EXPECT_EQ(run({"run", "--rm", "piped"}).out, "piped\n");
  EXPECT_EQ(run({"rmi", "piped"}).code, 0);
  Output nothing = run({"import", "-", "piped"});
  EXPECT_EQ(nothing.code, 125);
  EXPECT_THAT(nothing.err, HasSubstr("empty archive \"standard input\""));
  EXPECT_EQ(run({"image", "exists", "piped"}).code, 1);
}

TEST_F(ArchivesTest, PullPushAndRunWithTransports) {
  const std::string second = id("app:2");
  Output pushed = run({"push", "app:2", "oci:" + path("out") + ":v2"});
  ASSERT_EQ(pushed.code, 0) << pushed;
  EXPECT_THAT(pushed.out, testing::MatchesRegex("sha256:[0-9a-f]{64}\n"));
  ASSERT_EQ(run({"push", "app:1", "oci:" + path("out") + ":v1"}).code, 0) << "beside the other";
  ASSERT_EQ(run({"rmi", "app:2"}).code, 0);
  EXPECT_EQ(run({"run", "--rm", "oci:" + path("out") + ":v2"}).out, "new\n");
  EXPECT_EQ(run({"pull", "-q", "oci:" + path("out") + ":v2"}).out, second);
  ASSERT_EQ(run({"tag", second.substr(7, 12), "app:2"}).code, 0);
  Output several = run({"run", "--rm", "oci:" + path("out")});
  EXPECT_EQ(several.code, 125);
  EXPECT_THAT(several.err, HasSubstr("several images"));
  Output none = run({"pull", "oci:" + path("out") + ":v3"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no such image"), HasSubstr("v3")));
  EXPECT_EQ(run({"pull", "docker-daemon:x:1"}).code, 1);
  EXPECT_EQ(run({"run", "--rm", "dir:" + path("nowhere")}).code, 125);
}

TEST_F(ArchivesTest, AnArchiveIsWholeOrNotThere) {
  Output refused = run({"save", "-o", path("out"), "app:1", "none"});
  EXPECT_EQ(refused.code, 125);
  EXPECT_FALSE(fs::exists(path("out")));
  const std::string blob = stage->root() + "/images/blobs/sha256/";
  ASSERT_EQ(run({"save", "--format", "oci-dir", "-o", path("b"), "app:2"}).code, 0);
  // A layer of the store is damaged: nothing of it is passed on.
  const Json index = Json::parse(observe("cat " + path("b") + "/index.json"), nullptr, false);
  const Json manifest = Json::parse(
      observe("cat " + blob + index["manifests"][0]["digest"].get<std::string>().substr(7)), nullptr, false);
  const std::string layer = blob + manifest["layers"][1]["digest"].get<std::string>().substr(7);
  const std::string good = observe("cat " + layer + " | base64 -w0");
  std::fstream(layer, std::ios::in | std::ios::out).seekp(600).put('x');
  for (const char* format : {"docker-archive", "oci-archive"}) {
    Output damaged = run({"save", "--format", format, "-o", path("out"), "app:2"});
    EXPECT_EQ(damaged.code, 125);
    EXPECT_THAT(damaged.err, HasSubstr("damaged"));
    EXPECT_FALSE(fs::exists(path("out")));
  }
  observe("echo " + good + " | base64 -d >" + layer);
  EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
  // A damaged archive leaves the store as it was.
  observe("head -c 100000 /dev/urandom >" + path("out"));
  EXPECT_EQ(run({"load", "-i", path("out")}).code, 125);
  ASSERT_EQ(run({"save", "-o", path("a"), "app:2"}).code, 0);
  fs::resize_file(path("a"), fs::file_size(path("a")) / 2);
  EXPECT_EQ(run({"load", "-i", path("a")}).code, 125);
  EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
  EXPECT_TRUE(fs::is_empty(stage->root() + "/incoming"));
}

// A file system with room for one small image.
TEST_F(ArchivesTest, AFullDisk) {
  const std::string full = stage->dir() + "/full";
  ASSERT_EQ(::mkdir(full.c_str(), 0700), 0);
  ASSERT_EQ(::mount("tmpfs", full.c_str(), "tmpfs", 0, "size=8m"), 0);
  auto there = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"--root", full});
    return run(args);
  };
  EXPECT_EQ(there({"run", "--name", "c", "busybox", "true"}).code, 0);
  observe("head -c 16000000 /dev/urandom >" + path("content/big"));
  ASSERT_EQ(run({"import", path("content"), "big"}).code, 0);
  ASSERT_EQ(run({"save", "-o", path("out"), "big"}).code, 0);
  const std::string before = there({"images", "--no-trunc", "--digests", "-q"}).out;
  for (const auto& command : std::vector<std::vector<std::string>>{{"import", path("content"), "big"},
                                                                   {"load", "-q", "-i", path("out")}}) {
    Output refused = there(command);
    EXPECT_EQ(refused.code, 125) << refused;
    EXPECT_THAT(refused.err, HasSubstr("No space left on device"));
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused;
    EXPECT_EQ(there({"images", "--no-trunc", "--digests", "-q"}).out, before);
    EXPECT_TRUE(fs::is_empty(full + "/incoming"));
  }
  // To the last byte: what is there can still be removed.
  observe("head -c 16000000 /dev/zero >" + full + "/rest");
  EXPECT_EQ(there({"image", "verify", "-q", "--quick"}).out, "");
  Output removed = there({"rm", "c"});
  EXPECT_EQ(removed.code, 0) << removed;
  Output gone = there({"rmi", "busybox"});
  EXPECT_EQ(gone.code, 0) << gone;
  EXPECT_EQ(there({"images", "-q"}).out, "");
  fs::remove(full + "/rest");
  EXPECT_EQ(there({"run", "--rm", "busybox", "true"}).code, 0);
  fs::remove(path("content/big"));
  EXPECT_EQ(run({"rmi", "big"}).code, 0);
  EXPECT_EQ(::umount2(full.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace rcrt::test
