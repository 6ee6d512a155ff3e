// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "cli/progress_bar.h"

namespace rcrt::cli {
namespace {

const std::string kDigest = "sha256:0123456789abcdef0123456789abcdef";

TEST(ProgressBar, ShowsHowMuchHowFastHowLong) {
  const std::string line = bar_line({kDigest, "downloading", 25'000'000, 100'000'000, 5'000'000}, 80);
  EXPECT_EQ(line.substr(0, 14), "0123456789ab [");
  EXPECT_NE(line.find("25MB/100MB 5MB/s 15s"), std::string::npos) << line;
  EXPECT_LT(line.size(), 80u);
  EXPECT_NE(line.find("=>"), std::string::npos) << line;
  EXPECT_EQ(bar_line({kDigest, "downloading", 1, 1, 0}, 80).find('>'), std::string::npos);
}

TEST(ProgressBar, FitsWhateverTheWidth) {
  for (unsigned columns : {1u, 5u, 20u, 40u, 60u, 200u})
    for (const char* state : {"downloading", "unpacking", "done", "waiting", "queued", "unheard-of"})
      EXPECT_LT(bar_line({kDigest, state, 7, 5, 1e12}, columns).size(), columns + (columns == 1 ? 1 : 0))
          << columns << state;
}

TEST(ProgressBar, EmptyBlobsAndWords) {
  EXPECT_NE(bar_line({kDigest, "unpacking", 0, 0, 0}, 80).find("unpacking"), std::string::npos);
  EXPECT_EQ(plain_line({kDigest, "present", 0, 2'000, 0}), "0123456789ab: already there (2kB)");
  EXPECT_EQ(plain_line({"odd", "downloading", 0, 0, 0}).substr(0, 16), "odd: downloading");
}

TEST(ProgressBar, TimeLeft) {
  EXPECT_EQ(time_left(7.4), "7s");
  EXPECT_EQ(time_left(190), "3m10s");
  EXPECT_EQ(time_left(7'500), "2h05m");
  EXPECT_EQ(time_left(1e30), "99h59m");
}

}  // namespace
}  // namespace rcrt::cli
