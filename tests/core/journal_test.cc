// SPDX-License-Identifier: MIT
#include "core/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace rcrt {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string pattern = testing::TempDir() + "journal.XXXXXX";
    dir_ = mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(dir_); }

  std::string steps() const {
    auto entries = Journal::read(dir_);
    if (!entries) return entries.error().message();
    std::string text;
    for (const auto& entry : *entries)
      text += entry.step + "(" + entry.plugin + ")" + entry.request.dump() + " ";
    return text;
  }
  void write(const std::string& text) const { std::ofstream(dir_ + "/journal", std::ios::app) << text; }

  std::string dir_;
};

TEST_F(JournalTest, ReadsWhatWasAppended) {
  EXPECT_EQ(steps(), "");
  {
    auto journal = Journal::open(dir_);
    ASSERT_TRUE(journal);
    EXPECT_TRUE(journal->append("name", "", {{"name", "a\nb\"c"}}));
    EXPECT_TRUE(journal->append("storage", "overlay", Json::object()));
  }
  EXPECT_EQ(steps(), "name(){\"name\":\"a\\nb\\\"c\"} storage(overlay){} ");
  EXPECT_TRUE(Journal::open(dir_)->append("network", "bridge", {{"index", 0}}));
  EXPECT_EQ(Journal::read(dir_)->size(), 3u);
}

TEST_F(JournalTest, LeavesOutACutLastLine) {
  ASSERT_TRUE(Journal::open(dir_)->append("name", "", Json::object()));
  std::string whole;
  std::getline(std::ifstream(dir_ + "/journal"), whole);
  for (size_t length = 0; length < whole.size(); ++length) {
    std::filesystem::resize_file(dir_ + "/journal", whole.size() + 1);
    write(whole.substr(0, length));
    EXPECT_EQ(steps(), "name(){} ") << length;
  }
}

TEST_F(JournalTest, PassesOverWhatIsNoEntry) {
  write("garbage\n{}\n[1]\n{\"step\":\"storage\",\"plugin\":\"overlay\"}\n\n");
  EXPECT_EQ(steps(), "storage(overlay){} ");
}

TEST_F(JournalTest, TakesNoHarmFromWrongTypes) {
  write(
      "{\"step\":1}\n{\"step\":\"a\",\"plugin\":[]}\n{\"step\":\"b\",\"request\":7}\n{\"step\":\"storage\"}"
      "\n");
  auto entries = Journal::read(dir_);
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->back().step, "storage");
}

TEST_F(JournalTest, IsReplacedAsAWhole) {
  ASSERT_TRUE(Journal::open(dir_)->append("name", "", Json::object()));
  ASSERT_TRUE(Journal::replace(dir_, {{"storage", "dir", Json::object()}}));
  EXPECT_EQ(steps(), "storage(dir){} ");
}

}  // namespace
}  // namespace rcrt
