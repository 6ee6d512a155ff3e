// SPDX-License-Identifier: MIT
#include "core/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <limits>

namespace rcrt {
namespace {

using testing::ElementsAre;

TEST(ParseSize, Units) {
  for (auto [text, bytes] : {std::pair<const char*, int64_t>{"0", 0},
                             {"1", 1},
                             {"7b", 7},
                             {"64m", 64 << 20},
                             {"64M", 64 << 20},
                             {"1kb", 1024},
                             {"1KiB", 1024},
                             {"1.5g", 3LL << 29},
                             {"2t", 2LL << 40}})
    EXPECT_EQ(parse_size(text).value_or(-2), bytes) << text;
  EXPECT_EQ(parse_size("-1", true).value_or(-2), -1);
}

TEST(ParseSize, Refused) {
  for (const char* text :
       {"", "m", "-1", "-5m", "1x", "1mm", "1 m", "nan", "inf", "9000000t", "0x10", "1e400"})
    EXPECT_FALSE(parse_size(text)) << text;
}

std::string shown(const PublishedPort& port) {
  return port.host_ip + "|" + std::to_string(port.host_port) + "|" + std::to_string(port.container_port) +
         "|" + port.protocol;
}

std::vector<std::string> published(const std::string& text) {
  auto ports = parse_publish(text);
  if (!ports) return {"refused"};
  std::vector<std::string> list;
  for (const auto& port : *ports) list.push_back(shown(port));
  return list;
}

TEST(ParsePublish, Forms) {
  EXPECT_THAT(published("80"), ElementsAre("|0|80|tcp"));
  EXPECT_THAT(published("8080:80"), ElementsAre("|8080|80|tcp"));
  EXPECT_THAT(published("53:53/udp"), ElementsAre("|53|53|udp"));
  EXPECT_THAT(published("127.0.0.1:8080:80"), ElementsAre("127.0.0.1|8080|80|tcp"));
  EXPECT_THAT(published("127.0.0.1::80"), ElementsAre("127.0.0.1|0|80|tcp"));
  EXPECT_THAT(published("[::1]:8080:80"), ElementsAre("::1|8080|80|tcp"));
  EXPECT_THAT(published("[::1]::80"), ElementsAre("::1|0|80|tcp"));
  EXPECT_THAT(published("[::]:53:53/udp"), ElementsAre("::|53|53|udp"));
  EXPECT_THAT(published("8000-8002:80-82"), ElementsAre("|8000|80|tcp", "|8001|81|tcp", "|8002|82|tcp"));
  EXPECT_THAT(published("65535"), ElementsAre("|0|65535|tcp"));
}

TEST(ParseExpose, PortsOnly) {
  auto exposed = [](const char* text) {
    return parse_expose(text).value_or(std::vector<PublishedPort>()).size();
  };
  EXPECT_EQ(exposed("80"), 1u);
  EXPECT_EQ(exposed("80/udp"), 1u);
  EXPECT_EQ(exposed("80-89/tcp"), 10u);
  for (const char* text : {"", "0", "8080:80", "127.0.0.1::80", "80/icmp", "http"})
    EXPECT_EQ(exposed(text), 0u) << text;
}

TEST(ParsePublish, Refused) {
  for (const char* text : {"",
                           ":",
                           "0",
                           "65536",
                           "80:",
                           "a:80",
                           "80:80/icmp",
                           "80/",
                           "1:2:3",
                           "1.2.3.4:5:6:7",
                           "[::1]80",
                           "[::1:80:80",
                           "8000-8001:80",
                           "82-80",
                           "80-",
                           "-80",
                           "+80",
                           "80 ",
                           "1.2.3:80:80",
                           "host:80:80"})
    EXPECT_THAT(published(text), ElementsAre("refused")) << text;
}

TEST(ParseVolume, Forms) {
  auto mount = parse_volume("/a b:/c:ro,nosuid");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->source, "/a b");
  EXPECT_EQ(mount->target, "/c");
  EXPECT_TRUE(mount->read_only);
  EXPECT_TRUE(mount->create_source);
  EXPECT_THAT(mount->options, ElementsAre("nosuid"));
  EXPECT_FALSE(parse_volume("/a:/c")->read_only);
  EXPECT_FALSE(parse_volume("/a:/c:rw,Z")->read_only);
  for (const char* text : {"", "/", "/a:", ":/c", "a/b:/c", "/a:c", "/a:/b:ro:x", "/a:/c:nosuch", "/a:/.."})
    EXPECT_FALSE(parse_volume(text)) << text;
  EXPECT_TRUE(parse_volume("/a:/c/..d"));
  EXPECT_EQ(parse_volume("/a:/c/../../d")->target, "/d");
  EXPECT_EQ(parse_volume("/a")->type, "volume");
  EXPECT_EQ(parse_volume("name:/c")->type, "volume");
  EXPECT_EQ(parse_volume("name:/c")->source, "name");
  for (const char* text : {"/a:/c:cached", "/a:/c:delegated", "/a:/c:consistent", "/a:/c:z"})
    EXPECT_TRUE(parse_volume(text)->options.empty()) << text;
}

TEST(ParseMount, Forms) {
  auto mount = parse_mount("type=bind,src=/a,dst=/c,ro,bind-propagation=rslave");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->source, "/a");
  EXPECT_EQ(mount->target, "/c");
  EXPECT_TRUE(mount->read_only);
  EXPECT_FALSE(mount->create_source);
  EXPECT_THAT(mount->options, ElementsAre("rslave"));
  for (const char* word : {"0", "f", "F", "false", "False", "FALSE"})
    EXPECT_FALSE(parse_mount(std::string("type=bind,source=/a,target=/c,readonly=") + word)->read_only);
  for (const char* word : {"1", "t", "T", "true", "True", "TRUE"})
    EXPECT_TRUE(parse_mount(std::string("type=bind,source=/a,target=/c,readonly=") + word)->read_only);
  EXPECT_THAT(parse_mount("type=tmpfs,target=/t,tmpfs-size=1k,tmpfs-mode=700")->options,
              ElementsAre("size=1024", "mode=700"));
  mount = parse_mount("source=name,target=/c,volume-nocopy");
  ASSERT_TRUE(mount) << "a volume where nothing else is said, as with docker";
  EXPECT_EQ(mount->type, "volume");
  EXPECT_EQ(mount->source, "name");
  EXPECT_TRUE(mount->no_copy);
  EXPECT_EQ(parse_mount("type=volume,dst=/c/")->target, "/c");
  for (const char* text :
       {"", "type=bind", "type=bind,source=/a", "type=bind,target=/c", "type=bind,source=a,target=/c",
        "type=volume,source=/a,target=/c", "type=bind,source=/a,target=/c,nosuch=1",
        "type=tmpfs,target=relative", "source=/a,target=/c", "type=tmpfs,target=/t,tmpfs-size=big",
        "type=bind,source=/a,target=/c,volume-nocopy", "type=volume,source=../a,target=/c",
        "type=bind,source=/a,target=/c,readonly=yes"})
    EXPECT_FALSE(parse_mount(text)) << text;
}

TEST(ParseTmpfs, Forms) {
  EXPECT_THAT(parse_tmpfs("/t")->options, ElementsAre("nosuid", "nodev", "noexec"));
  EXPECT_THAT(parse_tmpfs("/t:exec,size=1m")->options, ElementsAre("nosuid", "nodev", "exec", "size=1m"));
  EXPECT_TRUE(parse_tmpfs("/t:ro")->read_only);
  EXPECT_FALSE(parse_tmpfs("t"));
  EXPECT_EQ(parse_tmpfs("/t/../../etc")->target, "/etc");
}

TEST(ParseUlimit, Forms) {
  EXPECT_EQ(*parse_ulimit("nofile=10:20"), (Json{{"type", "RLIMIT_NOFILE"}, {"soft", 10u}, {"hard", 20u}}));
  EXPECT_EQ(*parse_ulimit("core=0"), (Json{{"type", "RLIMIT_CORE"}, {"soft", 0u}, {"hard", 0u}}));
  EXPECT_EQ((*parse_ulimit("memlock=-1"))["hard"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ((*parse_ulimit("memlock=1:unlimited"))["soft"], 1u);
  for (const char* text : {"", "nofile", "nofile=", "=1", "nosuch=1", "nofile=2:1", "nofile=1:2:3",
                           "nofile=-2", "nofile=1k", "NOFILE=1"})
    EXPECT_FALSE(parse_ulimit(text)) << text;
}

TEST(ParseIdMapping, Forms) {
  auto mapping = parse_id_mapping("0:100000:65536");
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->container, 0u);
  EXPECT_EQ(mapping->host, 100000u);
  EXPECT_EQ(mapping->size, 65536u);
  EXPECT_EQ(parse_id_mapping("1:2")->size, 1u);
  for (const char* text : {"", "1", "1:2:0", "1:2:3:4", "a:1:1", "1:-1:1", "4294967296:0:1", "1::1"})
    EXPECT_FALSE(parse_id_mapping(text)) << text;
}

TEST(ParseSignal, NamesAndNumbers) {
  for (auto [text, number] : {std::pair{"TERM", SIGTERM},
                              {"SIGTERM", SIGTERM},
                              {"sigusr1", SIGUSR1},
                              {"9", SIGKILL},
                              {"RTMIN", SIGRTMIN},
                              {"RTMIN+3", SIGRTMIN + 3},
                              {"RTMAX", SIGRTMAX},
                              {"CLD", SIGCHLD},
                              {"SIGIOT", SIGABRT},
                              {"IO", SIGPOLL},
                              {"SIGRTMAX-1", SIGRTMAX - 1}})
    EXPECT_EQ(parse_signal(text).value_or(-1), number) << text;
  for (const char* text :
       {"", "0", "-9", "65", "NOSUCH", "SIG", "9x", "RTMIN+99", "RTMIN+-1", "RTMIN-1", "RTMAX+1"})
    EXPECT_FALSE(parse_signal(text)) << text;
}

}  // namespace
}  // namespace rcrt
