// SPDX-License-Identifier: MIT
#include "plugins/image-oci/retry.h"

#include <gtest/gtest.h>
#include <time.h>

namespace rcrt::image_oci {
namespace {

HttpResponse answer(int status, const std::string& retry_after = {}) {
  HttpResponse response;
  response.status = status;
  if (!retry_after.empty()) response.headers = {{"retry-after", retry_after}};
  return response;
}

std::string date(time_t when) {
  tm parts{};
  gmtime_r(&when, &parts);
  char text[64];
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

TEST(Retry, WhatMayPassIsTriedAgain) {
  for (int status : {408, 429, 500, 502, 503, 504})
    EXPECT_TRUE(is_worth_another_try(answer(status))) << status;
  for (int status : {200, 206, 301, 400, 401, 403, 404, 416, 501, 505})
    EXPECT_FALSE(is_worth_another_try(answer(status))) << status;
  HttpResponse broken = answer(200);
  broken.broken = true;
  EXPECT_FALSE(is_worth_another_try(broken));
  broken.transient = true;
  EXPECT_TRUE(is_worth_another_try(broken));
}

TEST(Retry, EachWaitIsLonger) {
  int before = 0;
  for (int tries = 1; tries <= 4; ++tries) {
    const int wait = back_off_milliseconds(tries, answer(503));
    EXPECT_GT(wait, before);
    before = wait;
  }
  EXPECT_LE(back_off_milliseconds(1000, answer(503)), 10'000);
}

TEST(Retry, TheServersWishCounts) {
  EXPECT_EQ(back_off_milliseconds(1, answer(429, "0")), 0);
  EXPECT_EQ(back_off_milliseconds(1, answer(429, "7")), 7'000);
  EXPECT_EQ(back_off_milliseconds(5, answer(429, "7")), 7'000);
  // But not for as long as it likes.
  EXPECT_EQ(back_off_milliseconds(1, answer(429, "99999999999")), 120'000);
  EXPECT_EQ(back_off_milliseconds(1, answer(429, date(time(nullptr) + 100'000))), 120'000);
  EXPECT_EQ(back_off_milliseconds(1, answer(429, date(time(nullptr) - 100))), 0);
  EXPECT_EQ(back_off_milliseconds(1, answer(429, "Wed, 21 Oct 2015 07:28:00 GMT")), 0);
  const int soon = back_off_milliseconds(1, answer(429, date(time(nullptr) + 60)));
  EXPECT_GT(soon, 0);
  EXPECT_LE(soon, 60'000);
}

TEST(Retry, NonsenseIsNoWish) {
  for (const char* text :
       {"-5", "soon", "7 days", "99999999999999999999999", "Wed, 21 Oct 2015 07:28:00 CEST"}) {
    const int wait = back_off_milliseconds(1, answer(429, text));
    EXPECT_GE(wait, 300) << text;
    EXPECT_LT(wait, 600) << text;
  }
}

}  // namespace
}  // namespace rcrt::image_oci
