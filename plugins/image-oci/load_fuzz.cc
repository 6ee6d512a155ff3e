// SPDX-License-Identifier: MIT
// The documents of an archive or folder that images are loaded from, with layers that cannot be read:
// whatever they say, nothing half-made is left in the store.
#include <stdlib.h>

#include <cstddef>
#include <vector>

#include "base/tree.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/load.h"

using namespace rcrt::image_oci;

namespace {

void require(bool holds) {
  if (!holds) abort();
}

// Documents, one after the other; any path leads to the next.
class Documents final : public ImageFiles {
 public:
  explicit Documents(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  bool has(const std::string&) const override { return true; }
  rcrt::Result<std::string> read(const std::string& path) const override {
    require(!path.starts_with('/') && ("/" + path + "/").find("/../") == std::string::npos);
    return next_ < texts_.size() ? texts_[next_++] : std::string();
  }
  rcrt::Result<uint64_t> size(const std::string&) const override { return 1; }
  rcrt::Result<std::string> identity(const std::string& path) const override { return path; }
  rcrt::Result<void> feed(const std::string& path, LayerIntake&) const override {
    return rcrt::error("no such layer", path);
  }

 private:
  std::vector<std::string> texts_;
  mutable size_t next_ = 0;
};

struct TemporaryStore {
  TemporaryStore() {
    char name[] = "/tmp/load-fuzz.XXXXXX";
    require(mkdtemp(name) != nullptr);
    path = name;
    store = Store::open(path);
    require(store.has_value());
  }
  ~TemporaryStore() { (void)rcrt::remove_tree(path.c_str()); }

  std::string path;
  rcrt::Result<Store> store;
};

}  // namespace

// The first byte says which form; a NUL stands between documents.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const TemporaryStore temporary;
  if (size == 0) return 0;
  std::vector<std::string> texts(1);
  for (size_t i = 1; i < size; ++i)
    if (bytes[i] == 0)
      texts.emplace_back();
    else
      texts.back() += static_cast<char>(bytes[i]);
  const Documents documents(std::move(texts));
  LoadRequest request;
  rcrt::Result<std::vector<LoadedImage>> loaded;
  switch (bytes[0] % 3) {
    case 0:
      loaded = load_docker(*temporary.store, documents, request);
      break;
    case 1:
      loaded = load_layout(*temporary.store, documents, request);
      break;
    default:
      loaded = load_dir(*temporary.store, documents, request);
  }
  // Only an image without layers can be.
  if (loaded)
    for (const LoadedImage& image : *loaded) require(image.digest.starts_with("sha256:"));
  auto left = names_in(temporary.store->incoming());
  require(left && left->empty());
  return 0;
}
