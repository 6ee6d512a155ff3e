// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/path.h"
#include "base/result.h"
#include "base/undo.h"
#include "base/unique_fd.h"
#include "base/words.h"

namespace rcrt {
namespace {

TEST(Error, MessageIsOneLineWithEverythingItKnows) {
  Error e{"cannot open", "/a\nb", ENOENT, "create it", "below", 125};
  EXPECT_EQ(e.message(), "cannot open \"/a b\": No such file or directory: below; create it");
}

Result<int> half(int n) {
  if (n % 2) return error("odd number", std::to_string(n));
  return n / 2;
}
Result<int> quarter(int n) {
  RCRT_ASSIGN(int h, half(n));
  return half(h);
}

TEST(Result, TryReturnsTheErrorOfTheStepThatFailed) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().object, "3");
}

TEST(UniqueFd, ClosesOnceAndMoves) {
  UniqueFd a(open("/dev/null", O_RDONLY | O_CLOEXEC));
  int raw = a.get();
  UniqueFd b = std::move(a);
  EXPECT_FALSE(a.valid());
  EXPECT_EQ(b.get(), raw);
  b.reset();
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
}

TEST(Undo, RunsLastFirstUnlessCommitted) {
  std::vector<int> order;
  {
    Undo undo;
    undo.add([&] { order.push_back(1); });
    undo.add([&] { order.push_back(2); });
  }
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
  {
    Undo undo;
    undo.add([&] { order.push_back(3); });
    undo.commit();
  }
  EXPECT_EQ(order.size(), 2u);
}

TEST(Words, WhatStandsBetweenSeparators) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_of(" a  bc\n", " \n"), (Words{"a", "bc"}));
  EXPECT_EQ(words_of("/bin::/usr/bin", ":"), (Words{"/bin", "/usr/bin"}));
  EXPECT_EQ(words_of("", ":"), Words());
  EXPECT_EQ(words_of("::", ":"), Words());
}

TEST(Path, UnescapedFromMountinfo) {
  EXPECT_EQ(unescape_mount_path("/a\\040b\\134"), "/a b\\");
  EXPECT_EQ(unescape_mount_path("/a\\04"), "/a\\04");
}

}  // namespace
}  // namespace rcrt
