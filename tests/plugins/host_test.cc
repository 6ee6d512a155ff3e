// SPDX-License-Identifier: MIT
// Every bad plugin of the zoo gives one clear error that names its file, and leaves nothing.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rcrt/network.h>

#include "base/version.h"
#include "core/plugin_host.h"
#include "tests/plugins/zoo.h"

namespace rcrt {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string zoo(const std::string& name) { return "tests/plugins/zoo/" + name; }

// --- wrong before the first call -----------------------------------------------------------

struct Unloadable {
  const char* name;  // "no_entry"
  const char* says;
};

class UnloadableTest : public testing::TestWithParam<Unloadable> {};

TEST_P(UnloadableTest, IsOneErrorThatNamesTheFileAndLeavesNothing) {
  zoo::Folder folder;
  const std::string name = GetParam().name;
  std::string file = folder.add(zoo("net-" + name + ".so"), "net-" + name + ".so");
  zoo::Snapshot before(folder.path());
  {
    PluginHost host({folder.path()}, nullptr);
    auto plugin = host.load("net", name);
    ASSERT_FALSE(plugin.has_value());
    std::string message = plugin.error().message();
    EXPECT_THAT(message, AllOf(HasSubstr(file), HasSubstr(GetParam().says), Not(HasSubstr("/proc/self")),
                               Not(HasSubstr("\n"))));
    EXPECT_EQ(plugin.error().exit_code, 125);
    EXPECT_FALSE(host.load("net", name).has_value()) << "a second try fails as well";
  }
  EXPECT_EQ(zoo::Snapshot(folder.path()), before);
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, UnloadableTest,
    testing::Values(Unloadable{"no_entry", "exports no rcrt_plugin_entry"},
                    Unloadable{"other_major", "built for version 2 of the plugin interface"},
                    Unloadable{"entry_small", "says it is 16 bytes long"},
                    Unloadable{"entry_large", "says it is 1099511627776 bytes long"},
                    Unloadable{"null_name", "lacks a name, version, description or license"},
                    Unloadable{"null_license", "lacks a name, version, description or license"},
                    Unloadable{"wrong_name", "calls itself \"net-other\""},
                    Unloadable{"null_get_interface", "has no get_interface"},
                    Unloadable{"no_interface", "does not offer rcrt.network/1"},
                    Unloadable{"no_detach", "rcrt.network/1 has no detach"},
                    Unloadable{"table_zero", "rcrt.network/1 says it is 0 bytes long"},
                    Unloadable{"table_huge", "bytes long"}, Unloadable{"table_odd", "bytes long"},
                    Unloadable{"init_fails", "init failed"}, Unloadable{"init_positive", "init returned 7"},
                    Unloadable{"missing_function", "undefined symbol: function_nobody_has"},
                    Unloadable{"throws_init", "init let an exception escape: not in the mood"},
                    Unloadable{"throws_asked", "get_interface let an exception escape: asked for"}),
    [](const auto& info) { return info.param.name; });

TEST(PluginHost, WhatIsNoElfFileIsRefused) {
  zoo::Folder folder;
  std::string text = folder.write("net-text.so", std::string(5000, 'x'));
  std::string empty = folder.write("net-empty.so", "");
  std::filesystem::create_directory(folder.file("net-dir.so"));
  PluginHost host({folder.path()}, nullptr);
  EXPECT_THAT(host.load("net", "text").error().message(), AllOf(HasSubstr(text), HasSubstr("ELF")));
  EXPECT_THAT(host.load("net", "empty").error().message(), AllOf(HasSubstr(empty), HasSubstr("too short")));
  EXPECT_THAT(host.load("net", "dir").error().message(), HasSubstr("no regular file"));
}

TEST(PluginHost, NamesCannotLeaveTheFolder) {
  zoo::Folder folder;
  PluginHost host({folder.path()}, nullptr);
  for (const char* name : {"", "..", "../x", "a/b", "a..b", ".hidden", "-x", "a b", "a\nb"}) {
    auto plugin = host.load("net", name);
    ASSERT_FALSE(plugin.has_value()) << name;
    EXPECT_EQ(plugin.error().code, EINVAL) << name;
  }
  EXPECT_THAT(host.load("../net", "x").error().message(), HasSubstr("unknown kind of plugin"));
}

TEST(PluginHost, APluginNobodyHasIsEnoentAndSaysWhereItLooked) {
  zoo::Folder folder;
  PluginHost host({"/nonexistent/plugins", folder.path()}, nullptr);
  auto plugin = host.load("net", "nope");
  ASSERT_FALSE(plugin.has_value());
  EXPECT_EQ(plugin.error().code, ENOENT);
  EXPECT_THAT(plugin.error().message(),
              AllOf(HasSubstr("net-nope"), HasSubstr("/nonexistent/plugins"), HasSubstr(folder.path())));
}

TEST(PluginHost, ADanglingLinkIsBrokenNotMissing) {
  zoo::Folder folder;
  std::filesystem::create_symlink("gone.so", folder.file("net-dangling.so"));
  PluginHost host({folder.path()}, nullptr);
  EXPECT_THAT(host.load("net", "dangling").error().message(),
              AllOf(HasSubstr(folder.file("net-dangling.so")), HasSubstr("leads nowhere")));
}

// --- sizes ---------------------------------------------------------------------------------

TEST(PluginHost, ASmallerTableReadsAsZeroPastItsEnd) {
  zoo::Folder folder;
  folder.add(zoo("net-small_table.so"), "net-small_table.so");
  PluginHost host({folder.path()}, nullptr);
  auto plugin = host.load("net", "small_table");
  ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
  const auto* table = (*plugin)->get<rcrt_network_v1>(RCRT_NETWORK_V1);
  ASSERT_NE(table, nullptr);
  EXPECT_NE(table->attach, nullptr);
  EXPECT_EQ(table->idle, nullptr) << "the plugin set it, but past the size it declares";
  EXPECT_EQ(table->doctor, nullptr);
  EXPECT_TRUE((*plugin)->call(table->idle, "idle", Json::object()).has_value())
      << "absent is an empty success";
}

TEST(PluginHost, ALargerTableIsUsedAsFarAsItIsKnown) {
  zoo::Folder folder;
  folder.add(zoo("net-large_table.so"), "net-large_table.so");
  PluginHost host({folder.path()}, nullptr);
  auto plugin = host.load("net", "large_table");
  ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
  EXPECT_NE((*plugin)->get<rcrt_network_v1>(RCRT_NETWORK_V1)->doctor, nullptr);
  EXPECT_EQ((*plugin)->find("rcrt.storage/1"), nullptr);
  EXPECT_THAT((*plugin)->interfaces(), ElementsAre(RCRT_NETWORK_V1));
}

// --- wrong answers -------------------------------------------------------------------------

struct Answer {
  const char* mode;
  const char* says;
};

class AnswerTest : public testing::TestWithParam<Answer> {};

TEST_P(AnswerTest, IsOneErrorThatNamesTheFileAndClosesEverything) {
  zoo::Folder folder;
  std::string file = folder.add(zoo("net-answers.so"), "net-answers.so");
  PluginHost host({folder.path()}, nullptr);
  auto plugin = host.load("net", "answers");
  ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
  UniqueFd netns(open("/dev/null", O_RDONLY | O_CLOEXEC));

  zoo::Snapshot before(folder.path());
  auto reply = (*plugin)->call((*plugin)->get<rcrt_network_v1>(RCRT_NETWORK_V1)->attach, "attach",
                               {{"mode", GetParam().mode}}, {{"netns", netns.get()}}, [](const Json&) {});
  ASSERT_FALSE(reply.has_value());
  EXPECT_THAT(reply.error().message(),
              AllOf(HasSubstr(file), HasSubstr("attach"), HasSubstr(GetParam().says), Not(HasSubstr("\n"))));
  EXPECT_EQ(zoo::Snapshot(folder.path()), before);
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, AnswerTest,
    testing::Values(Answer{"not-json", "is not JSON"}, Answer{"empty", "is not JSON"},
                    Answer{"array", "is not a JSON object"}, Answer{"not-utf8", "is not JSON"},
                    Answer{"two-results", "gave two results"}, Answer{"null-result", "result without data"},
                    Answer{"huge", "longer than 16 MiB"}, Answer{"deep", "nested more than 64 levels"},
                    Answer{"closed-fd", "which is closed, as \"root\""},
                    Answer{"negative-fd", "gave descriptor -1"}, Answer{"stdout-fd", "standard stream 1"},
                    Answer{"lent-fd", "gave back the descriptor \"netns\""},
                    Answer{"same-fd-twice", "twice, as \"root\" and \"cgroup\""},
                    Answer{"same-name-twice", "two descriptors as \"root\""},
                    Answer{"unnamed-fd", "without a name"}, Answer{"many-fds", "more than 64 descriptors"},
                    Answer{"fd-then-garbage", "is not JSON"}, Answer{"positive", "returned 3"},
                    Answer{"no-errno", "returned -100000, which is no errno"},
                    Answer{"progress-garbage", "gave progress that is not JSON"},
                    Answer{"progress-nothing", "gave progress without data"},
                    Answer{"silent", "failed without saying why"}, Answer{"both", "but returned success"},
                    Answer{"null-error", "reported no error"}, Answer{"wordless-error", "error without text"},
                    Answer{"unreadable-error", "error without text"}),
    [](const auto& info) {
      std::string name = info.param.mode;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

class AnswersTest : public testing::Test {
 protected:
  AnswersTest() {
    folder_.add(zoo("net-answers.so"), "net-answers.so");
    auto loaded = host_.load("net", "answers");
    EXPECT_TRUE(loaded.has_value());
    if (loaded) plugin_ = *loaded;
  }
  Result<PluginReply> attach(const char* mode) {
    return plugin_->call(plugin_->get<rcrt_network_v1>(RCRT_NETWORK_V1)->attach, "attach", {{"mode", mode}});
  }

  zoo::Folder folder_;
  std::vector<std::string> log_;
  PluginHost host_{
      {folder_.path()}, [this](rcrt_log_level level, std::string_view plugin, std::string_view line) {
        log_.push_back(std::to_string(level) + " " + std::string(plugin) + ": " + std::string(line));
      }};
  const Plugin* plugin_ = nullptr;
};

TEST_F(AnswersTest, AGoodAnswerArrivesWithDescriptorsCloseOnExec) {
  zoo::Snapshot before(folder_.path());
  {
    auto reply = attach("good");
    ASSERT_TRUE(reply.has_value()) << reply.error().message();
    EXPECT_EQ(reply->result.dump(), R"({"interfaces":[],"unknown":1})");
    ASSERT_EQ(reply->fds.size(), 2u);
    for (const auto& [name, fd] : reply->fds) EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC) << name;
    EXPECT_TRUE(reply->take("one").valid());
    EXPECT_FALSE(reply->take("three").valid());
  }
  EXPECT_EQ(zoo::Snapshot(folder_.path()), before);
}

TEST_F(AnswersTest, AReportedFailureIsPassedOnAsItWasSaid) {
  zoo::Snapshot before(folder_.path());
  auto reply = attach("fails-well");
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().message(),
            "cannot create bridge \"rcrt0\": Device or resource busy; wait (net-answers.so)");
  EXPECT_EQ(reply.error().code, EBUSY);
  EXPECT_EQ(zoo::Snapshot(folder_.path()), before) << "what a failed call gave is closed";
}

TEST_F(AnswersTest, AnOlderShorterErrorIsReadAsFarAsItGoes) {
  auto reply = attach("short-error");
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().message(), "cannot try \"it\": Input/output error; so says net-answers.so");
}

TEST_F(AnswersTest, LogLinesStayLines) {
  EXPECT_TRUE(attach("talks").has_value());
  EXPECT_THAT(log_, ElementsAre("2 net-answers: a b [2J, ignoring"));
}

TEST_F(AnswersTest, ProgressIsHeardByWhoListens) {
  std::vector<std::string> heard;
  auto reply =
      plugin_->call(plugin_->get<rcrt_network_v1>(RCRT_NETWORK_V1)->attach, "attach", {{"mode", "counts"}},
                    {}, [&](const Json& event) { heard.push_back(event.dump()); });
  EXPECT_TRUE(reply.has_value());
  EXPECT_THAT(heard, ElementsAre(R"({"current":1})", R"({"current":2})"));
  EXPECT_TRUE(attach("counts").has_value()) << "nobody need listen";
}

TEST_F(AnswersTest, ARequestThatIsNotUtf8IsRefusedBeforeThePluginSeesIt) {
  auto reply = attach("\xff");
  ASSERT_FALSE(reply.has_value());
  EXPECT_THAT(reply.error().message(), HasSubstr("not UTF-8"));
}

TEST_F(AnswersTest, IsLoadedOnce) { EXPECT_EQ(*host_.load("net", "answers"), plugin_); }

// --- exceptions ----------------------------------------------------------------------------

TEST(PluginHost, ExceptionsThatEscapeAreCaughtAndTheirDescriptorsClosed) {
  zoo::Folder folder;
  std::string file = folder.add(zoo("net-throws.so"), "net-throws.so");
  std::vector<std::string> log;
  zoo::Snapshot before(folder.path());
  {
    PluginHost host({folder.path()}, [&](rcrt_log_level, std::string_view plugin, std::string_view line) {
      log.push_back(std::string(plugin) + ": " + std::string(line));
    });
    auto plugin = host.load("net", "throws");
    ASSERT_TRUE(plugin.has_value()) << plugin.error().message();
    const auto* table = (*plugin)->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    auto attached = (*plugin)->call(table->attach, "attach", Json::object());
    ASSERT_FALSE(attached.has_value());
    EXPECT_THAT(attached.error().message(),
                AllOf(HasSubstr(file), HasSubstr("attach let an exception escape: boom bang")));
    auto detached = (*plugin)->call(table->detach, "detach", Json::object());
    ASSERT_FALSE(detached.has_value());
    EXPECT_THAT(detached.error().message(),
                AllOf(HasSubstr(file), HasSubstr("detach let an exception escape")));
  }
  EXPECT_THAT(log, ElementsAre("net-throws: deinit let an exception escape: not yet, ignoring"));
  EXPECT_EQ(zoo::Snapshot(folder.path()), before);
}

// --- folders -------------------------------------------------------------------------------

TEST(PluginHost, TheFirstFolderWinsAndListSaysSo) {
  zoo::Folder first, second;
  std::string winner = first.add(zoo("net-answers.so"), "net-answers.so");
  std::string loser = second.write("net-answers.so", "x");
  second.add(zoo("net-throws.so"), "net-throws.so");
  second.write("net-.so", "x");
  second.write("README", "x");
  second.write("foo-bar.so", "x");
  zoo::Snapshot before(first.path());
  PluginHost host({first.path(), "/nonexistent", second.path()}, nullptr);
  auto files = host.list();
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].path, winner);
  EXPECT_EQ(files[0].kind, "net");
  EXPECT_EQ(files[0].name, "answers");
  EXPECT_EQ(files[0].problem, "");
  EXPECT_EQ(files[1].path, loser);
  EXPECT_EQ(files[1].problem, "hidden by " + winner);
  EXPECT_EQ(files[2].name, "throws");
  EXPECT_EQ(zoo::Snapshot(first.path()), before) << "listing loads nothing";
  auto plugin = host.load("net", "answers");
  ASSERT_TRUE(plugin.has_value());
  EXPECT_EQ((*plugin)->path(), winner);
}

}  // namespace
}  // namespace rcrt
