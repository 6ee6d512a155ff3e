// SPDX-License-Identifier: MIT
// Layers fed in as a download would: in pieces, several at once, broken off, wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/tree.h"
#include "plugins/image-oci/archive_maker.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/image_intake.h"

namespace rcrt::image_oci::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Blob {
  std::string bytes, diff_hex;
  std::string hex() const { return sha256_hex(bytes); }
};

Blob plain(const std::string& tar) { return {tar, sha256_hex(tar)}; }
Blob gzipped(const std::string& tar) { return {gzip(tar), sha256_hex(tar)}; }
Blob zstded(const std::string& tar) { return {zstd(tar), sha256_hex(tar)}; }

ImageDocuments documents_for(const std::vector<Blob>& layers) {
  Json diff_ids = Json::array(), descriptors = Json::array();
  for (const Blob& layer : layers) {
    diff_ids.push_back("sha256:" + layer.diff_hex);
    descriptors.push_back({{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                           {"digest", "sha256:" + layer.hex()},
                           {"size", layer.bytes.size()}});
  }
  const std::string config = Json{{"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}}.dump();
  const std::string type = "application/vnd.oci.image.manifest.v1+json";
  const Json manifest = {{"schemaVersion", 2},
                         {"mediaType", type},
                         {"config",
                          {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                           {"digest", "sha256:" + sha256_hex(config)},
                           {"size", config.size()}}},
                         {"layers", descriptors}};
  return {manifest.dump(), type, config};
}

class Intake : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string made = ::testing::TempDir() + "/rcrt-intake-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    root_ = made;
    auto store = Store::open(root_);
    ASSERT_TRUE(store) << store.error().message();
    store_.emplace(std::move(*store));
    for (int i = 0; i < 4; ++i) {
      const std::string tar_bytes = tar({{"dir/file" + std::to_string(i), std::string(300'000, 'a' + i)}});
      layers_.push_back(i == 0 ? plain(tar_bytes) : i == 1 ? gzipped(tar_bytes) : zstded(tar_bytes));
    }
  }
  void TearDown() override {
    store_.reset();
    if (root_.empty()) return;
    EXPECT_TRUE(remove_tree(root_.c_str()));
  }

  std::unique_ptr<ImageIntake> begin(const std::vector<Blob>& layers) {
    auto intake = ImageIntake::begin(*store_, documents_for(layers), limits_);
    EXPECT_TRUE(intake) << intake.error().message();
    return std::move(*intake);
  }
  const std::string& bytes_of(const LayerIntake& layer) const {
    for (const Blob& blob : layers_)
      if (blob.hex() == layer.wanted().blob_hex) return blob.bytes;
    std::abort();
  }
  Result<void> feed(LayerIntake& layer, size_t most, size_t step = 5000) {
    const std::string& bytes = bytes_of(layer);
    while (layer.offset() < std::min(most, bytes.size())) {
      const size_t at = layer.offset();
      RCRT_TRY(layer.write(bytes.data() + at, std::min(step, std::min(most, bytes.size()) - at)));
    }
    return layer.offset() == bytes.size() ? layer.end() : Result<void>();
  }
  // Fetches what is missing, one layer after the other, and commits.
  Result<Json> finish(ImageIntake& intake, int* fetched = nullptr) {
    while (!intake.done()) {
      RCRT_ASSIGN(LayerIntake* const layer, intake.next());
      if (layer == nullptr) continue;
      if (fetched != nullptr) ++*fetched;
      RCRT_TRY(feed(*layer, SIZE_MAX));
    }
    return intake.commit();
  }
  std::string refusal(const std::vector<Blob>& layers) {
    auto intake = begin(layers);
    auto done = finish(*intake);
    return done ? "no error" : done.error().message();
  }
  size_t count(const std::string& folder) const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(root_ + "/" + folder), fs::directory_iterator()));
  }
  void expect_whole(const std::vector<Blob>& layers) {
    for (const Blob& layer : layers) {
      std::ifstream in(root_ + "/images/blobs/sha256/" + layer.hex(), std::ios::binary);
      EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), layer.bytes);
      EXPECT_TRUE(fs::exists(root_ + "/layers/" + layer.diff_hex + "/dir")) << layer.diff_hex;
    }
    EXPECT_EQ(count("incoming"), 0u);
  }

  std::string root_;
  Limits limits_;
  std::optional<Store> store_;
  std::vector<Blob> layers_;
};

TEST_F(Intake, LayersComeInAtTheSameTimeAndInAnyOrder) {
  auto intake = begin(layers_);
  std::vector<LayerIntake*> running;
  while (auto layer = *intake->next()) running.push_back(layer);
  ASSERT_EQ(running.size(), layers_.size());
  EXPECT_FALSE(intake->done());
  for (size_t most = 1000; !intake->done(); most *= 2)
    for (auto it = running.rbegin(); it != running.rend(); ++it) ASSERT_TRUE(feed(**it, most));
  EXPECT_EQ(intake->bytes_missing(), 0u);
  EXPECT_EQ(count("layers/l"), 0u);  // nothing is visible before
  auto descriptor = intake->commit();
  ASSERT_TRUE(descriptor) << descriptor.error().message();
  intake.reset();
  expect_whole(layers_);
  EXPECT_EQ(count("layers/l"), layers_.size());
  EXPECT_EQ(count("partial"), 0u);
  EXPECT_EQ(count("images/blobs/sha256"), layers_.size() + 2);

  // The second time there is nothing to fetch.
  int fetched = 0;
  intake = begin(layers_);
  auto again = finish(*intake, &fetched);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *descriptor);
  EXPECT_EQ(fetched, 0);
}

TEST_F(Intake, GoesOnWhereItWasBrokenOff) {
  {
    auto intake = begin(layers_);
    LayerIntake* const layer = *intake->next();
    ASSERT_TRUE(feed(*layer, 100'000));
  }
  EXPECT_EQ(count("incoming"), 0u);
  EXPECT_EQ(count("images/blobs/sha256"), 0u);
  {
    auto intake = begin(layers_);
    LayerIntake* const layer = *intake->next();
    EXPECT_EQ(layer->offset(), 100'000u);
    ASSERT_TRUE(feed(*layer, SIZE_MAX));
  }
  // All of the first layer's bytes are there by now.
  int fetched = 0;
  auto intake = begin(layers_);
  ASSERT_TRUE(finish(*intake, &fetched));
  EXPECT_EQ(fetched, 3);
  intake.reset();
  expect_whole(layers_);
}

TEST_F(Intake, WhatIsStoredButNotUnpackedIsUnpacked) {
  ASSERT_EQ(refusal(layers_), "no error");
  ASSERT_TRUE(remove_tree((root_ + "/layers/" + layers_[1].diff_hex).c_str()));
  ASSERT_TRUE(remove_tree((root_ + "/layers/" + layers_[3].diff_hex).c_str()));
  ASSERT_TRUE(fs::remove(root_ + "/images/blobs/sha256/" + layers_[2].hex()));
  int fetched = 0;
  auto intake = begin(layers_);
  ASSERT_TRUE(finish(*intake, &fetched));
  EXPECT_EQ(fetched, 1);
  intake.reset();
  expect_whole(layers_);
}

TEST_F(Intake, WrongContentLeavesNothing) {
  std::vector<Blob> wrong = layers_;
  wrong[1].diff_hex = sha256_hex("something else");
  EXPECT_THAT(refusal(wrong), HasSubstr("its archive is not the one"));
  EXPECT_EQ(count("layers/l"), 0u);
  // Bytes that are not what their digest says: one changed, under the old name.
  ASSERT_TRUE(remove_tree((root_ + "/partial").c_str()));
  store_.emplace(*Store::open(root_));
  auto intake = begin(layers_);
  LayerIntake* const layer = *intake->next();
  std::string bytes = layers_[0].bytes;
  bytes[700] ^= 1;
  ASSERT_TRUE(layer->write(bytes.data(), bytes.size()));
  ASSERT_TRUE(layer->end());
  auto done = finish(*intake);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("wrong content"));
  intake.reset();
  EXPECT_EQ(count("incoming"), 0u);
  EXPECT_EQ(count("images/blobs/sha256"), 0u);
  EXPECT_EQ(count("layers/l"), 0u);
  EXPECT_FALSE(fs::exists(root_ + "/partial/" + layers_[0].hex()));
  EXPECT_EQ(refusal(layers_), "no error");
}

TEST_F(Intake, NoMoreAndNoLessThanAnnounced) {
  auto intake = begin(layers_);
  LayerIntake* layer = *intake->next();
  ASSERT_TRUE(feed(*layer, 100));
  EXPECT_FALSE(layer->end());
  EXPECT_FALSE(
      layer->write(std::string(layers_[0].bytes.size() - 99, 'x').data(), layers_[0].bytes.size() - 99));
  EXPECT_FALSE(intake->next());
}

TEST_F(Intake, ABombIsRefusedWhileItComes) {
  limits_.ratio_free_bytes = 1 << 20;
  limits_.ratio = 10;
  const Blob bomb = gzipped(tar({{"zeros", std::string(64 << 20, '\0')}}));
  layers_ = {bomb};
  EXPECT_THAT(refusal({bomb}), HasSubstr("beyond belief"));
  EXPECT_EQ(count("incoming"), 0u);
  EXPECT_EQ(count("partial"), 0u);
}

TEST_F(Intake, ContradictionsAreRefused) {
  ImageDocuments documents = documents_for(layers_);
  documents.config += " ";
  EXPECT_FALSE(ImageIntake::begin(*store_, documents, limits_));
  std::vector<Blob> twice = {layers_[0], layers_[0]};
  twice[1].diff_hex = layers_[1].diff_hex;
  EXPECT_FALSE(ImageIntake::begin(*store_, documents_for(twice), limits_));
  // The same layer twice is none.
  EXPECT_EQ(refusal({layers_[0], layers_[1], layers_[0]}), "no error");
}

TEST_F(Intake, ALayerThatTwoWantIsFetchedOnce) {
  auto first = begin(layers_);
  LayerIntake* const shared = *first->next();
  ASSERT_TRUE(feed(*shared, 1000));
  // The other one fetches what nobody fetches, then waits.
  auto second = begin(layers_);
  std::vector<LayerIntake*> others;
  for (int i = 0; i < 3; ++i) others.push_back(*second->next());
  for (LayerIntake* layer : others) {
    EXPECT_NE(layer->wanted().blob_hex, shared->wanted().blob_hex);
    ASSERT_TRUE(feed(*layer, SIZE_MAX));
  }
  EXPECT_FALSE(second->done());
  int fetched_by_second = 0, fetched_by_first = 0;
  auto waiting = std::async(std::launch::async, [&] { return finish(*second, &fetched_by_second); });
  ASSERT_TRUE(feed(*shared, SIZE_MAX));
  auto done = finish(*first, &fetched_by_first);
  ASSERT_TRUE(done) << done.error().message();
  first.reset();
  auto also_done = waiting.get();
  ASSERT_TRUE(also_done) << also_done.error().message();
  EXPECT_EQ(fetched_by_first, 0);
  EXPECT_EQ(fetched_by_second, 0);
  second.reset();
  expect_whole(layers_);
}

TEST_F(Intake, ALayerThatTheOtherGivesUpIsFetchedFromThere) {
  auto first = begin({layers_[0]});
  ASSERT_TRUE(feed(**first->next(), 1000));
  auto second = begin({layers_[0]});
  auto waiting = std::async(std::launch::async, [&] { return second->next(); });
  first.reset();
  auto layer = waiting.get();
  ASSERT_TRUE(layer && *layer != nullptr);
  EXPECT_EQ((*layer)->offset(), 1000u);
  ASSERT_TRUE(feed(**layer, SIZE_MAX));
  EXPECT_TRUE(finish(*second));
  second.reset();
  expect_whole({layers_[0]});
}

}  // namespace
}  // namespace rcrt::image_oci::testing
