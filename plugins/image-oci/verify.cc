// SPDX-License-Identifier: MIT
#include "plugins/image-oci/verify.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/image_index.h"
#include "base/oci_store.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/unpack_tree.h"

namespace rcrt::image_oci {
namespace {

// What the images say of a blob.
struct Expected {
  uint64_t size = 0;
  std::string diff_hex;  // of a layer
  std::set<std::string> images;
};

class Verifier {
 public:
  Verifier(const Store& store, const VerifyRequest& request) : store_(store), request_(request) {}

  Result<Verified> run() {
    RCRT_TRY(collect());
    if (request_.images.empty()) RCRT_TRY(add_unreferenced());
    for (const auto& [hex, expected] : blobs_) RCRT_TRY(check_blob(hex, expected));
    if (request_.images.empty()) RCRT_TRY(check_links());
    return std::move(found_);
  }

 private:
  void problem(const std::string& what, const std::string& object, const std::set<std::string>& images) {
    found_.problems.push_back({what, object, {images.begin(), images.end()}});
  }

  void expect(const Descriptor& blob, const std::string& image, const std::string& diff_hex = "") {
    Expected& expected = blobs_[blob.digest.substr(7)];
    expected.size = blob.size;
    expected.images.insert(image);
    if (!diff_hex.empty() && !expected.diff_hex.empty() && expected.diff_hex != diff_hex)
      problem("one layer with two diff-ids", blob.digest, {image});
    if (!diff_hex.empty()) expected.diff_hex = diff_hex;
  }

  // Everything an entry of index.json leads to. A document that cannot be used is a problem, not
  // an error.
  void collect_entry(const Descriptor& entry, const std::string& image, int depth) {
    expect(entry, image);
    auto json = store_.read_document(entry);
    if (!json) return;  // check_blob() says what is wrong with it
    auto read = [&]() -> Result<void> {
      if (is_index_type(entry.media_type)) {
        RCRT_ASSIGN(const auto entries, parse_index(*json));
        for (const Descriptor& below : entries)
          // A platform's image that was never fetched holds nothing here.
          if (depth < 4 && faccessat(store_.blobs(), below.digest.substr(7).c_str(), F_OK, 0) == 0)
            collect_entry(below, image, depth + 1);
        return {};
      }
      RCRT_ASSIGN(const Manifest manifest, parse_manifest(*json));
      expect(manifest.config, image);
      for (const Descriptor& layer : manifest.layers) expect(layer, image);
      auto config = store_.read_document(manifest.config);
      if (!config) return {};
      RCRT_ASSIGN(const auto diff_ids, parse_diff_ids(*config));
      if (diff_ids.size() != manifest.layers.size())
        return error("manifest and configuration disagree about the layers", entry.digest);
      for (size_t i = 0; i < diff_ids.size(); ++i) expect(manifest.layers[i], image, diff_ids[i]);
      return {};
    };
    if (auto done = read(); !done) problem(done.error().message(), entry.digest, {image});
  }

  Result<void> collect() {
    if (!request_.images.empty()) {
      for (const std::string& name : request_.images) {
        RCRT_ASSIGN(const ImageEntry entry, find_entry(store_, name));
        collect_entry(entry.descriptor, name, 0);
      }
      return {};
    }
    RCRT_ASSIGN(const Json index, read_image_index(store_.images()));
    RCRT_ASSIGN(const auto entries, parse_index(index));
    for (const Descriptor& entry : entries)
      collect_entry(entry, entry.name.empty() ? entry.digest : entry.name, 0);
    return {};
  }

  Result<void> add_unreferenced() {
    RCRT_ASSIGN(const auto names, names_in(store_.blobs()));
    for (const std::string& name : names) {
      struct stat info{};
      if (!is_hex_digest(name) || blobs_.contains(name) ||
          fstatat(store_.blobs(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      blobs_[name].size = static_cast<uint64_t>(info.st_size);
    }
    return {};
  }

  Result<void> check_blob(const std::string& hex, const Expected& expected) {
    struct stat info{};
    const std::string digest = "sha256:" + hex;
    if (fstatat(store_.blobs(), hex.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      problem("missing", digest, expected.images);
      return {};
    }
    if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != expected.size) {
      problem("wrong size", digest, expected.images);
      return {};
    }
    ++found_.blobs;
    found_.bytes += expected.size;
    RCRT_TRY(expected.diff_hex.empty() ? check_plain(hex, expected) : check_layer(hex, expected));
    if (request_.checked) request_.checked(digest, expected.size);
    return {};
  }

  Result<void> check_plain(const std::string& hex, const Expected& expected) {
    RCRT_ASSIGN(const UniqueFd fd, store_.open_blob(hex));
    Sha256 hash;
    std::vector<char> buffer(256 << 10);
    while (true) {
      RCRT_ASSIGN(const size_t size, read_full(fd.get(), buffer.data(), buffer.size()));
      if (size == 0) break;
      hash.update(buffer.data(), size);
    }
    if (hash.hex() != hex) problem("wrong content", "sha256:" + hex, expected.images);
    return {};
  }

  // The blob, its archive's digest, and what was unpacked of it.
  Result<void> check_layer(const std::string& hex, const Expected& expected) {
    RCRT_ASSIGN(UniqueFd fd, store_.open_blob(hex));
    BlobFile blob(std::move(fd), expected.size, true);
    LayerStream stream(blob, request_.limits);
    const bool tree = request_.trees && store_.has_layer(expected.diff_hex);
    RCRT_ASSIGN(const Workspace workspace, Workspace::make(store_));
    UniqueFd again;
    if (tree) {
      RCRT_ASSIGN(again, make_directory(workspace.fd(), "tree", 0755));
      if (fchmod(again.get(), 0755) != 0) return errno_error("cannot set the mode of a directory");
    }
    auto read =
        tree ? unpack_tree(stream, again.get(), Whiteouts::kOverlay, request_.limits) : stream.finish();
    if (!read && (read.error().code == ENOSPC || read.error().code == EDQUOT)) return read;
    if (!read) {
      problem("wrong content, " + read.error().message(), "sha256:" + hex, expected.images);
      return {};
    }
    if (stream.blob_hex() != hex) problem("wrong content", "sha256:" + hex, expected.images);
    if (stream.diff_hex() != expected.diff_hex)
      problem("its archive is not the layer sha256:" + expected.diff_hex, "sha256:" + hex, expected.images);
    if (!tree || stream.diff_hex() != expected.diff_hex || !compared_.insert(expected.diff_hex).second)
      return {};
    ++found_.layers;
    RCRT_ASSIGN(const UniqueFd there, make_directory(store_.layers(), expected.diff_hex.c_str()));
    RCRT_ASSIGN(const std::string difference, compare_trees(again.get(), there.get()));
    if (!difference.empty())
      problem("unpacked layer is not its archive: " + difference, "layers/" + expected.diff_hex,
              expected.images);
    return {};
  }

  // Every unpacked layer has its short link, and every link leads to one.
  Result<void> check_links() {
    std::set<std::string> linked;
    RCRT_ASSIGN(const auto links, names_in(store_.links()));
    for (const std::string& name : links) {
      char target[PATH_MAX];
      const ssize_t size = readlinkat(store_.links(), name.c_str(), target, sizeof target);
      const std::string text(target, size < 0 ? 0 : static_cast<size_t>(size));
      if (!text.starts_with("../") || !store_.has_layer(text.substr(3)))
        problem("leads to no layer", "layers/l/" + name, {});
      else
        linked.insert(text.substr(3));
    }
    for (const auto& [hex, expected] : blobs_)
      if (!expected.diff_hex.empty() && store_.has_layer(expected.diff_hex) &&
          !linked.contains(expected.diff_hex))
        problem("has no short link", "layers/" + expected.diff_hex, expected.images);
    return {};
  }

  const Store& store_;
  const VerifyRequest& request_;
  std::map<std::string, Expected> blobs_;  // by hex
  std::set<std::string> compared_;
  Verified found_;
};

}  // namespace

Result<Verified> verify_store(const Store& store, const VerifyRequest& request) {
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  return Verifier(store, request).run();
}

}  // namespace rcrt::image_oci
