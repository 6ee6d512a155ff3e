// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <set>

#include "base/fault.h"
#include "base/image_index.h"
#include "base/tree.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {
namespace {

struct Reachable {
  std::set<std::string> blobs, layers;  // hex
};

// Everything a descriptor of an index leads to. Fails rather than delete what a damaged
// image may still need.
Result<void> reach(const Store& store, const Descriptor& descriptor, Reachable& reachable) {
  if (!reachable.blobs.insert(descriptor.digest.substr(7)).second) return {};
  RCRT_ASSIGN(const Json document, store.read_document(descriptor));
  if (is_index_type(descriptor.media_type)) {
    RCRT_ASSIGN(const auto entries, parse_index(document));
    for (const Descriptor& entry : entries) {
      // A platform's image that was never fetched holds nothing here.
      if (faccessat(store.blobs(), entry.digest.substr(7).c_str(), F_OK, 0) == 0)
        RCRT_TRY(reach(store, entry, reachable));
    }
    return {};
  }
  RCRT_ASSIGN(const Manifest manifest, parse_manifest(document));
  reachable.blobs.insert(manifest.config.digest.substr(7));
  for (const Descriptor& layer : manifest.layers) reachable.blobs.insert(layer.digest.substr(7));
  RCRT_ASSIGN(const Json config, store.read_document(manifest.config));
  RCRT_ASSIGN(const auto diff_ids, parse_diff_ids(config));
  reachable.layers.insert(diff_ids.begin(), diff_ids.end());
  return {};
}

// A tree leaves its place at once and whole; deleting it takes longer.
Result<void> discard(const Store& store, int from, const std::string& name, uint64_t* freed) {
  if (renameat(from, name.c_str(), store.incoming(), name.c_str()) != 0)
    return errno_error("cannot move out of the store", name);
  fault_point("image-oci: prune moved something out");
  *freed += tree_bytes(store.incoming(), name.c_str());
  return remove_tree(store.incoming(), name.c_str());
}

// Of blobs that somebody is fetching, those nobody has come back for within a day.
Result<void> prune_partials(const Store& store, uint64_t* freed) {
  constexpr time_t kDay = 24 * 60 * 60;
  RCRT_ASSIGN(const auto names, names_in(store.partial()));
  for (const std::string& name : names) {
    struct stat info{};
    if (fstatat(store.partial(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool orphan = faccessat(store.blobs(), name.c_str(), F_OK, 0) == 0;
    if (!orphan && info.st_mtime + kDay > time(nullptr)) continue;
    *freed += static_cast<uint64_t>(info.st_blocks) * 512;
    RCRT_TRY(remove_tree(store.partial(), name.c_str()));
  }
  return {};
}

}  // namespace

Result<uint64_t> prune_store(const std::string& root, const std::vector<std::string>& keep) {
  struct stat info{};
  if (stat((root + "/images").c_str(), &info) != 0 && errno == ENOENT) return 0;
  RCRT_ASSIGN(const Store store, Store::open(root));
  RCRT_ASSIGN(const UniqueFd index_lock, lock_image_index(store.images()));
  RCRT_ASSIGN(const Json index, read_image_index(store.images()));
  RCRT_ASSIGN(const auto entries, parse_index(index));
  Reachable reachable;
  for (const Descriptor& entry : entries)
    if (auto reached = reach(store, entry, reachable); !reached)
      return in_context(reached.error(), "cannot prune, remove this image first",
                        entry.name.empty() ? entry.digest : entry.name);
  reachable.layers.insert(keep.begin(), keep.end());
  fault_point("image-oci: prune knows what to keep");

  uint64_t freed = 0;
  RCRT_ASSIGN(const auto leftovers, names_in(store.incoming()));
  for (const std::string& name : leftovers) {
    freed += tree_bytes(store.incoming(), name.c_str());
    RCRT_TRY(remove_tree(store.incoming(), name.c_str()));
  }

  RCRT_TRY(prune_partials(store, &freed));

  RCRT_ASSIGN(const auto links, names_in(store.links()));
  for (const std::string& name : links) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(store.links(), name.c_str(), target, sizeof target);
    if (size < 0) return errno_error("cannot read link", name);
    const std::string_view text(target, static_cast<size_t>(size));
    if (text.starts_with("../") && reachable.layers.contains(std::string(text.substr(3)))) continue;
    if (unlinkat(store.links(), name.c_str(), 0) != 0) return errno_error("cannot remove link", name);
    fault_point("image-oci: prune removed a link");
  }
  RCRT_ASSIGN(const auto layers, names_in(store.layers()));
  for (const std::string& name : layers)
    if (is_hex_digest(name) && !reachable.layers.contains(name))
      RCRT_TRY(discard(store, store.layers(), name, &freed));
  RCRT_ASSIGN(const auto blobs, names_in(store.blobs()));
  for (const std::string& name : blobs)
    if (is_hex_digest(name) && !reachable.blobs.contains(name))
      RCRT_TRY(discard(store, store.blobs(), name, &freed));
  return freed;
}

}  // namespace rcrt::image_oci
