// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/image-oci/files.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/purge.h"
#include "plugins/image-oci/store.h"
#include "plugins/image-oci/unpack_tree.h"

namespace rcrt::image_oci {
namespace {

// One layer's archive, unpacked over the ones below. Its digests are known to be right
// only at its end: on a failure the caller empties the directory.
Result<void> apply_layer(const Store& store, const Descriptor& layer, const std::string& diff_hex, int root,
                         const Limits& limits) {
  RCRT_ASSIGN(UniqueFd fd, store.open_blob(layer.digest.substr(7)));
  BlobFile blob(std::move(fd), layer.size, true);
  LayerStream stream(blob, limits);
  RCRT_TRY(unpack_tree(stream, root, Whiteouts::kApply, limits));
  if ("sha256:" + stream.blob_hex() != layer.digest || stream.diff_hex() != diff_hex)
    return error("damaged layer, wrong content of", layer.digest, "import the image again", EBADMSG);
  return {};
}

Result<void> apply_layers(const Store& store, const FoundImage& image, int root, const Limits& limits) {
  if (fchmod(root, 0755) != 0) return errno_error("cannot set the mode of the directory");
  for (size_t i = 0; i < image.diff_ids.size(); ++i)
    RCRT_TRY(apply_layer(store, image.manifest.layers[i], image.diff_ids[i], root, limits));
  return {};
}

}  // namespace

Result<void> unpack_image(const std::string& root, const std::string& name, const std::string& directory,
                          const Limits& limits) {
  if (!directory.starts_with('/')) return error("not an absolute path", directory, {}, EINVAL);
  RCRT_ASSIGN(const Store store, Store::open(root));
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const FoundImage image, find_image(store, name));

  const bool made = mkdir(directory.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return errno_error("cannot make directory", directory);
  UniqueFd target(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!target) return errno_error("cannot unpack to", directory);
  if (!made) {
    RCRT_ASSIGN(const auto names, names_in(target.get()));
    if (!names.empty()) return error("cannot unpack to", directory, "name a new directory", ENOTEMPTY);
  }
  auto applied = apply_layers(store, image, target.get(), limits);
  if (applied) return {};
  auto emptied = purge_children(target.get(), {});
  if (emptied && made) rmdir(directory.c_str());
  return in_context(applied.error(), "cannot unpack image", name);
}

}  // namespace rcrt::image_oci
