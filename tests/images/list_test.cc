// SPDX-License-Identifier: MIT
// images, history, image inspect, image verify, system df: what they say of a store.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/e2e/stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class ListTest : public StageTest {
 protected:
  static void SetUpTestSuite() {
    StageTest::SetUpTestSuite();
    if (!stage) return;
    const std::string root = stage->dir() + "/content";
    ASSERT_EQ(run({"unpack", "busybox", root}).code, 0);
    ASSERT_EQ(run({"import", "-c", "LABEL kind=first other='two words'", "-c", "ENV A=1 B=2", "-c", "CMD sh",
                   "-c", "EXPOSE 80", "-c", "WORKDIR /tmp", root, "reg.example/team/app:1"})
                  .code,
              0);
    ASSERT_EQ(run({"run", "--name", "c", "reg.example/team/app:1", "sh", "-c", "echo x >/x"}).code, 0);
    ASSERT_EQ(run({"commit", "-m", "a message", "-a", "somebody", "-c", "LABEL kind=second", "c",
                   "reg.example/team/app:2"})
                  .code,
              0);
    ASSERT_EQ(run({"rm", "c"}).code, 0);
  }
  // Lines sorted: images may be of the same second.
  static Output names(const std::vector<std::string>& options) {
    std::vector<std::string> args = {"images", "--format", "{{.Repository}}:{{.Tag}}"};
    args.insert(args.end(), options.begin(), options.end());
    Output output = run(args);
    std::istringstream in(output.out);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line + "\n");
    std::ranges::sort(lines);
    output.out.clear();
    for (const auto& line : lines) output.out += line;
    return output;
  }
  static Json inspect(const std::string& image) {
    return Json::parse(run({"image", "inspect", image}).out, nullptr, false)[0];
  }
};

constexpr char kFirst[] = "reg.example/team/app:1\n", kSecond[] = "reg.example/team/app:2\n",
               kBusybox[] = "docker.io/library/busybox:latest\n";

TEST_F(ListTest, Filters) {
  EXPECT_EQ(names({"--filter", "label=kind"}).out, std::string(kFirst) + kSecond);
  EXPECT_EQ(names({"-f", "label=kind=first"}).out, kFirst);
  EXPECT_EQ(names({"-f", "label=other=two words"}).out, std::string(kFirst) + kSecond);
  EXPECT_EQ(names({"-f", "label=kind", "-f", "label=kind=second"}).out, kSecond);
  EXPECT_EQ(names({"-f", "reference=busybox"}).out, kBusybox);
  EXPECT_EQ(names({"-f", "reference=reg.example/*/app:1"}).out, kFirst);
  EXPECT_EQ(names({"-f", "reference=*app*"}).out, "");
  EXPECT_EQ(names({"reg.example/team/app"}).out, std::string(kFirst) + kSecond);
  EXPECT_EQ(names({"-f", "dangling=true"}).out, "");
  EXPECT_EQ(names({"-f", "until=24h", "-f", "label=kind"}).out, "");
  for (const char* bad : {"colour=red", "dangling=perhaps", "label", "until=soon"}) {
    Output refused = names({"-f", bad});
    EXPECT_EQ(refused.code, 125) << bad;
    EXPECT_EQ(std::ranges::count(refused.err, '\n'), 1) << refused;
  }
}

// By the images' own times, which differ by a second at least.
TEST_F(ListTest, FiltersByTime) {
  std::vector<std::string> tags = {"old", "middle", "new"};
  const std::string layout = stage->dir() + "/dated";
  ASSERT_EQ(run({"save", "-o", "oci:" + layout + ":x", "busybox"}).code, 0);
  for (size_t i = 0; i < tags.size(); ++i) {
    const std::string to = layout + ":" + tags[i];
    ASSERT_EQ(observe("umoci config --image " + layout + ":x --tag " + tags[i] + " --created 200" +
                      std::to_string(i + 1) + "-01-01T00:00:00Z 2>&1"),
              "");
    ASSERT_EQ(run({"load", "-q", "oci:" + to}).code, 0);
  }
  auto dated = [](const char* tag) { return "localhost/" + std::string(tag) + ":latest\n"; };
  auto only = [&](const std::string& filter) {
    return names({"-f", "reference=localhost/*", "-f", filter}).out;
  };
  EXPECT_EQ(only("since=localhost/old"), dated("middle") + dated("new"));
  EXPECT_EQ(only("since=localhost/middle"), dated("new"));
  EXPECT_EQ(only("since=localhost/new"), "");
  EXPECT_EQ(only("before=localhost/old"), "");
  EXPECT_EQ(only("before=localhost/middle"), dated("old"));
  EXPECT_EQ(only("before=localhost/new"), dated("middle") + dated("old"));
  EXPECT_EQ(names({"-f", "since=localhost/old", "-f", "before=localhost/new"}).out, dated("middle"));
  EXPECT_EQ(only("until=2002-06-01T00:00:00Z"), dated("middle") + dated("old"));
  EXPECT_EQ(names({"-f", "since=none"}).code, 125);
  for (const std::string& tag : tags) EXPECT_EQ(run({"rmi", "localhost/" + tag}).code, 0);
  fs::remove_all(layout);
}

TEST_F(ListTest, FormsOfTheList) {
  EXPECT_THAT(run({"images"}).out, MatchesRegex("REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n(.*\n)+"));
  EXPECT_THAT(run({"images", "--digests"}).out, HasSubstr("sha256:"));
  EXPECT_THAT(run({"images", "-q", "--no-trunc", "reg.example/team/app:1"}).out,
              MatchesRegex("sha256:[0-9a-f]{64}\n"));
  Json one = Json::parse(run({"images", "--format", "json", "reg.example/team/app:1"}).out, nullptr, false);
  EXPECT_EQ(one["Repository"], "reg.example/team/app");
  EXPECT_EQ(one["Tag"], "1");
  EXPECT_GT(one["Bytes"], 0);
  EXPECT_EQ(Json::parse(run({"images", "--json"}).out, nullptr, false).size(), 3u);
}

TEST_F(ListTest, InspectHasDockersShape) {
  const Json image = inspect("reg.example/team/app:2");
  EXPECT_EQ(image["RepoTags"], Json::array({"reg.example/team/app:2"}));
  EXPECT_EQ(image["RepoDigests"],
            Json::array({"reg.example/team/app@" + image["Digest"].get<std::string>()}));
  EXPECT_EQ(image["Author"], "somebody");
  EXPECT_EQ(image["Comment"], "a message");
  EXPECT_EQ(image["Os"], "linux");
  EXPECT_EQ(image["RootFS"]["Layers"].size(), 2u);
  EXPECT_EQ(image["Config"]["Labels"]["kind"], "second");
  EXPECT_EQ(image["Config"]["Labels"]["other"], "two words");
  EXPECT_EQ(image["Config"]["Env"], Json::array({"A=1", "B=2"}));
  EXPECT_EQ(image["Config"]["Cmd"], Json::array({"sh", "-c", "echo x >/x"})) << "of the container";
  EXPECT_EQ(image["Config"]["ExposedPorts"], (Json{{"80/tcp", Json::object()}}));
  EXPECT_EQ(image["Config"]["WorkingDir"], "/tmp");
  EXPECT_EQ(inspect("reg.example/team/app:1")["Config"]["Cmd"], Json::array({"/bin/sh", "-c", "sh"}));
  EXPECT_EQ(run({"inspect", "--type", "image", "-f", "{{.Id}}", "reg.example/team/app:2"}).out,
            image["Id"].get<std::string>() + "\n");
  Output none = run({"image", "inspect", "none"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("no such image"));
  EXPECT_EQ(run({"image", "exists", "busybox"}).code, 0);
  EXPECT_EQ(run({"image", "exists", "none"}).code, 1);
}

TEST_F(ListTest, History) {
  Output history =
      run({"history", "--format", "{{.ID}} {{.CreatedBy}} {{.Comment}}", "reg.example/team/app:2"});
  const std::string id = inspect("reg.example/team/app:2")["Id"].get<std::string>();
  EXPECT_EQ(history.out, id.substr(7, 12) + " sh -c echo x >/x a message\n<missing> rcrt import \n");
  EXPECT_EQ(run({"history", "-q", "--no-trunc", "reg.example/team/app:2"}).out, id + "\n<missing>\n");
  EXPECT_THAT(run({"image", "history", "busybox"}).out,
              MatchesRegex("IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n[0-9a-f]{12} .* rcrt import .*\n"));
  EXPECT_EQ(run({"history", "none"}).code, 125);
}

TEST_F(ListTest, DiskUsage) {
  Output usage = run({"system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"});
  EXPECT_EQ(usage.out, "Images 3 0\nContainers 0 0\nLocal Volumes 0 0\n") << usage;
  ASSERT_EQ(run({"run", "--name", "c", "-v", "v:/v", "reg.example/team/app:2", "sh", "-c",
                 "head -c 300000 /dev/zero | tr '\\0' x >/big; head -c 200000 /bin/busybox >/v/big"})
                .code,
            0);
  const Json rows = Json::parse(run({"system", "df", "--json"}).out, nullptr, false);
  EXPECT_EQ(rows[0]["Active"], "1");
  EXPECT_LT(rows[0]["ReclaimableBytes"], rows[0]["Bytes"]) << "the first two layers are in use";
  EXPECT_GE(rows[1]["Bytes"], 300000);
  EXPECT_EQ(rows[1]["Bytes"], rows[1]["ReclaimableBytes"]);
  EXPECT_GE(rows[2]["Bytes"], 200000);
  EXPECT_EQ(rows[2]["ReclaimableBytes"], 0);
  EXPECT_THAT(run({"system", "df", "-v"}).out,
              AllOf(HasSubstr("Images:"), HasSubstr("UNIQUE SIZE"), HasSubstr("reg.example/team/app"),
                    HasSubstr("VOLUME NAME")));
  EXPECT_EQ(run({"rm", "c"}).code, 0);
  EXPECT_EQ(run({"volume", "rm", "v"}).code, 0);
}

TEST_F(ListTest, VerifyFindsWhatIsDamaged) {
  Output clean = run({"image", "verify"});
  EXPECT_EQ(clean.code, 0) << clean;
  EXPECT_THAT(clean.out, EndsWith(" 0 problems\n"));
  const Json image = inspect("reg.example/team/app:2");
  const std::string top = image["RootFS"]["Layers"][1].get<std::string>().substr(7);
  const std::string file = stage->root() + "/layers/" + top + "/x";
  std::ofstream(file) << "y\n";
  Output changed = run({"image", "verify"});
  EXPECT_EQ(changed.code, 1);
  EXPECT_THAT(changed.out, AllOf(HasSubstr("layers/" + top), HasSubstr("/x"),
                                 HasSubstr("reg.example/team/app:2"), EndsWith(" 1 problems\n")));
  EXPECT_EQ(run({"image", "verify", "--quick"}).code, 0) << "the blobs are as they were";
  EXPECT_EQ(run({"image", "verify", "reg.example/team/app:1"}).code, 0);
  ASSERT_EQ(run({"rmi", "reg.example/team/app:2"}).code, 0);

  const std::string config = stage->root() + "/images/blobs/sha256/" +
                             inspect("reg.example/team/app:1")["Id"].get<std::string>().substr(7);
  std::fstream(config, std::ios::in | std::ios::out).seekp(1).put(' ');
  Output damaged = run({"image", "verify", "--json"});
  EXPECT_EQ(damaged.code, 1);
  const Json said = Json::parse(damaged.out, nullptr, false);
  EXPECT_EQ(said["problems"][0]["images"], Json::array({"reg.example/team/app:1"})) << damaged;
  EXPECT_EQ(run({"rmi", "reg.example/team/app:1"}).code, 0);
  EXPECT_EQ(run({"image", "verify", "-q"}).out, "");
}

// Names are looked up: the number of images in the store does not matter.
TEST_F(ListTest, AThousandImagesAreNoMoreWorkThanTen) {
  const std::string images = stage->root() + "/images";
  std::ifstream in(images + "/index.json");
  const Json before = Json::parse(in);
  auto fill = [&](int count) {
    Json index = before;
    for (int i = 0; i < count; ++i) {
      Json entry = before["manifests"][0];
      entry["annotations"] = {
          {"org.opencontainers.image.ref.name", "many.example/i" + std::to_string(i) + ":1"}};
      index["manifests"].push_back(std::move(entry));
    }
    std::ofstream(images + "/index.json") << index.dump();
    observe("touch -d '1 minute ago' " + images + "/index.json");
    EXPECT_EQ(run({"image", "exists", "busybox"}).code, 0) << "the index by name is made";
  };
  // System calls of the client itself on files.
  auto work = [&](const std::string& command) {
    observe("strace -e trace=%file,read,pread64 -o " + stage->dir() + "/trace env RCRT_ROOT=" +
            stage->root() + " RCRT_STATE=" + stage->state() + " " + stage->program() + " " + command);
    return observe("grep -c . " + stage->dir() + "/trace");
  };
  std::map<std::string, std::string> few;
  for (const int count : {10, 1000}) {
    fill(count);
    EXPECT_EQ(std::ranges::count(run({"images", "-q", "--format={{.ID}}"}).out, '\n'), 1) << "the image once";
    EXPECT_EQ(names({"many.example/i7"}).out, "many.example/i7:1\n");
    EXPECT_EQ(names({"many.example/i7:1"}).out, "many.example/i7:1\n");
    EXPECT_EQ(names({"many.example/i7:2"}).out, "");
    EXPECT_EQ(names({"many.example"}).out, "");
    EXPECT_EQ(names({"library/busybox"}).out, "") << "docker shows it as busybox";
    for (const char* name : {"busybox", "busybox:latest", "docker.io/library/busybox"})
      EXPECT_EQ(names({name}).out, kBusybox) << name;
    for (const char* command :
         {"image exists many.example/i7:1", "run --rm busybox true", "images", "images many.example/i7"})
      if (count == 10)
        few[command] = work(command);
      else
        EXPECT_EQ(work(command), few[command]) << command;
  }
  std::ofstream(images + "/index.json") << before.dump();
}

}  // namespace
}  // namespace rcrt::test
