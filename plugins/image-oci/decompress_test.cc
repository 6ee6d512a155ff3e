// SPDX-License-Identifier: MIT
#include "plugins/image-oci/decompress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plugins/image-oci/archive_maker.h"

namespace rcrt::image_oci::testing {
namespace {

using ::testing::HasSubstr;

// Gives its text a few bytes at a time.
class TextSource final : public ByteSource {
 public:
  TextSource(std::string text, size_t step) : text_(std::move(text)), step_(step) {}
  Result<size_t> read(void* data, size_t size) override {
    size = std::min({size, step_, text_.size() - at_});
    std::copy_n(text_.data() + at_, size, static_cast<char*>(data));
    at_ += size;
    return size;
  }

 private:
  std::string text_;
  size_t step_, at_ = 0;
};

std::string some_bytes(size_t size) {
  std::string text;
  for (size_t i = 0; text.size() < size; ++i) text += std::to_string(i * i * 2654435761u) + "\n";
  text.resize(size);
  return text;
}

Result<std::string> plain_of(const std::string& packed, size_t step, const Limits& limits = {}) {
  TextSource source(packed, step);
  Input input(source);
  RCRT_ASSIGN(const std::string_view beginning, input.peek(8));
  RCRT_ASSIGN(const auto plain, decompress(input, compression_of(beginning), limits));
  std::string text;
  char buffer[10'000];
  while (true) {
    RCRT_ASSIGN(const size_t size, plain->read(buffer, sizeof buffer));
    if (size == 0) break;
    text.append(buffer, size);
  }
  EXPECT_EQ(input.bytes(), packed.size());
  EXPECT_EQ(input.hash().hex(), sha256_hex(packed));
  return text;
}

std::string refusal(const std::string& packed, const Limits& limits = {}) {
  auto plain = plain_of(packed, 1000, limits);
  return plain ? "no error" : plain.error().message();
}

std::string skippable_frame(const std::string& content) {
  return std::string("\x50\x2a\x4d\x18", 4) + static_cast<char>(content.size()) + std::string(3, '\0') +
         content;
}

TEST(Decompress, EveryKindInPiecesOfEverySize) {
  const std::string more = some_bytes(1234);
  for (size_t step : {1ul, 7ul, 4096ul, 1ul << 20}) {
    SCOPED_TRACE(step);
    const std::string text = some_bytes(step < 100 ? 40'000 : 700'000);
    EXPECT_EQ(plain_of(text, step), text);
    EXPECT_EQ(plain_of(gzip(text), step), text);
    EXPECT_EQ(plain_of(zstd(text), step), text);
    EXPECT_EQ(plain_of(compress(text, archive_write_add_filter_bzip2), step), text);
    EXPECT_EQ(plain_of(compress(text, archive_write_add_filter_xz), step), text);
    // Several members or frames; what zstd:chunked puts between and after them; tape blocks.
    EXPECT_EQ(plain_of(gzip(text) + gzip(more) + gzip("") + gzip(more), step), text + more + more);
    EXPECT_EQ(plain_of(gzip(text) + std::string(512, '\0'), step), text);
    EXPECT_EQ(plain_of(zstd(text) + zstd(more) + zstd(""), step), text + more);
    EXPECT_EQ(plain_of(skippable_frame("before") + zstd(text) + skippable_frame("") + zstd(more) +
                           skippable_frame("table of contents"),
                       step),
              text + more);
  }
  EXPECT_EQ(plain_of("", 1), "");
  EXPECT_EQ(plain_of("x", 1), "x");
  EXPECT_EQ(plain_of(gzip(""), 1), "");
}

TEST(Decompress, DamageIsNoticed) {
  const std::string text = some_bytes(100'000);
  for (const std::string& packed : {gzip(text), zstd(text)})
    for (size_t cut : {packed.size() - 1, packed.size() - 9, packed.size() / 2, 12ul})
      EXPECT_THAT(refusal(packed.substr(0, cut)), HasSubstr("cut short")) << cut << " of " << packed.size();
  std::string wrong = gzip(text);
  wrong[wrong.size() - 6] ^= 1;
  EXPECT_THAT(refusal(wrong), HasSubstr("checksum"));
  EXPECT_THAT(refusal(gzip(text) + "x"), HasSubstr("follows"));
  EXPECT_THAT(refusal(gzip(text) + std::string(3, '\0') + "\x1f"), HasSubstr("follows"));
  EXPECT_THAT(refusal(std::string("\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12)),
              HasSubstr("gzip"));
  EXPECT_NE(refusal(zstd(text) + "x"), "no error");
  EXPECT_NE(refusal(gzip(text) + zstd(text)), "no error");
}

TEST(Decompress, ZstdMayNotAskForAnyAmountOfMemory) {
  const std::string text = some_bytes(3 << 20);
  Limits limits;
  limits.window_bytes = 1 << 20;
  EXPECT_THAT(refusal(zstd(text), limits), HasSubstr("window_bytes"));
  limits.window_bytes = 8 << 20;
  EXPECT_EQ(refusal(zstd(text), limits), "no error");
}

}  // namespace
}  // namespace rcrt::image_oci::testing
