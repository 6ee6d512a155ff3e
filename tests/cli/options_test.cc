// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/mentioned_options.h"

namespace rcrt::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

po::options_description description() {
  po::options_description d;
  d.add_options()("interactive,i", toggle(), "")("tty,t", toggle(), "")("rm", toggle(), "")  //
      ("publish,p", words(), "")("env,e", words(), "")("name", word(), "")("time", po::value<int>(), "");
  return d;
}

CommandLine parse(const std::vector<std::string>& args, Stop stop = Stop::at_first_word) {
  auto line = parse_command_line(description(), args, stop);
  EXPECT_TRUE(line) << line.error().message();
  return line ? *line : CommandLine();
}

std::vector<std::string> mentioned(const std::vector<std::string>& args) {
  po::options_description d;
  MentionedOptions add(d, args);
  add("interactive,i", toggle(), "")("tty,t", toggle(), "")("publish,p", words(), "")("rm", toggle(), "");
  std::vector<std::string> names;
  for (const auto& option : d.options()) names.push_back(option->long_name());
  return names;
}

TEST(Options, OnlyThoseMentioned) {
  EXPECT_THAT(mentioned({"image", "rm", "i"}), IsEmpty());
  EXPECT_THAT(mentioned({"-it", "--rm=false"}), ElementsAre("interactive", "tty", "rm"));
  EXPECT_THAT(mentioned({"--publish=1:1", "--r", "--", "-"}), ElementsAre("publish"));
  EXPECT_THAT(mentioned({"--publish"}), ElementsAre("publish"));
  EXPECT_THAT(mentioned({"-p80:80"}), ElementsAre("publish"));
  EXPECT_THAT(mentioned({"--help"}), ElementsAre("interactive", "tty", "publish", "rm"));
}

TEST(Options, Clusters) {
  CommandLine line = parse({"-it", "image"});
  EXPECT_TRUE(line.flag("interactive"));
  EXPECT_TRUE(line.flag("tty"));
  EXPECT_FALSE(line.flag("rm"));
  EXPECT_THAT(line.words, ElementsAre("image"));
  EXPECT_THAT(parse({"-itp80"}).list("publish"), ElementsAre("80"));
}

TEST(Options, ValuesInEveryForm) {
  EXPECT_THAT(parse({"-p", "1:1", "-p2:2", "-p=3:3", "--publish", "4:4", "--publish=5:5"}).list("publish"),
              ElementsAre("1:1", "2:2", "3:3", "4:4", "5:5"));
  EXPECT_THAT(parse({"-e", "A=b=c", "-e", "-x", "--env=--rm"}).list("env"),
              ElementsAre("A=b=c", "-x", "--rm"));
}

TEST(Options, EmptyValues) {
  EXPECT_TRUE(parse({"--name", ""}).has("name"));
  EXPECT_EQ(parse({"--name="}).text("name"), "");
  EXPECT_THAT(parse({"-e", ""}).list("env"), ElementsAre(""));
}

TEST(Options, TheLastOfSeveralCounts) {
  EXPECT_EQ(parse({"--name", "a", "--name=b"}).text("name"), "b");
  EXPECT_FALSE(parse({"--rm", "--rm=false"}).flag("rm"));
}

TEST(Options, Switches) {
  EXPECT_TRUE(parse({"--rm"}).flag("rm"));
  EXPECT_TRUE(parse({"--rm=true"}).flag("rm"));
  EXPECT_FALSE(parse({"--rm=false"}).flag("rm"));
  EXPECT_THAT(parse({"--rm", "false"}).words, ElementsAre("false"));
}

TEST(Options, EndAtTheFirstWord) {
  CommandLine line = parse({"--rm", "image", "-i", "--name", "x"});
  EXPECT_FALSE(line.flag("interactive"));
  EXPECT_THAT(line.words, ElementsAre("image", "-i", "--name", "x"));
  line = parse({"word", "--rm", "other"}, Stop::never);
  EXPECT_TRUE(line.flag("rm"));
  EXPECT_THAT(line.words, ElementsAre("word", "other"));
  EXPECT_THAT(parse({"--", "--rm", "-x"}, Stop::never).words, ElementsAre("--rm", "-x"));
  EXPECT_THAT(parse({"-"}).words, ElementsAre("-"));
  EXPECT_THAT(parse({}).words, IsEmpty());
}

TEST(Options, Refused) {
  for (const auto& args : std::vector<std::vector<std::string>>{{"--nosuch"},
                                                                {"-x"},
                                                                {"-ix"},
                                                                {"--name"},
                                                                {"-p"},
                                                                {"--rm=maybe"},
                                                                {"--time=soon"},
                                                                {"--nam", "x"},
                                                                {"--=x"},
                                                                {"---"}})
    EXPECT_FALSE(parse_command_line(description(), args)) << args[0];
}

}  // namespace
}  // namespace rcrt::cli
