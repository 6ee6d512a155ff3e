// SPDX-License-Identifier: MIT
#include "plugins/image-oci/layer_intake.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/image-oci/files.h"
#include "plugins/image-oci/layer_set_pool.h"
#include "plugins/image-oci/unpack_tree.h"

namespace rcrt::image_oci {
namespace {

bool same_file(int fd, int dir, const char* name) {
  struct stat open{}, named{};
  return fstat(fd, &open) == 0 && fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

// The file of a blob that is being fetched, locked; an invalid descriptor when another
// process has the lock and `busy` says not to wait. The blob may be in the store by then.
Result<UniqueFd> lock_partial(const Store& store, const LayerWanted& wanted, LayerSet::Busy busy) {
  const char* const name = wanted.blob_hex.c_str();
  while (true) {
    UniqueFd fd(openat(store.partial(), name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd) return errno_error("cannot create a blob's file in the image store");
    while (flock(fd.get(), busy == LayerSet::Busy::kSkip ? LOCK_EX | LOCK_NB : LOCK_EX) != 0) {
      if (errno == EWOULDBLOCK) return UniqueFd();
      if (errno != EINTR) return errno_error("cannot lock a blob of the image store");
    }
    // Whoever had it may have moved it into the store, or deleted it.
    if (same_file(fd.get(), store.partial(), name) || store.has_blob(wanted.blob_hex, wanted.blob_size))
      return fd;
  }
}

}  // namespace

LayerIntake::~LayerIntake() {
  // What failed is not worth going on with, and a full disk wants its space back.
  if (failure_ && set_ != nullptr && !blob_stored_ && !wanted_.blob_hex.empty())
    unlinkat(set_->store_.partial(), wanted_.blob_hex.c_str(), 0);
}

Result<void> LayerIntake::write(const void* data, size_t size) {
  if (ended_) return error("more data than announced for blob", "sha256:" + wanted_.blob_hex, {}, EBADMSG);
  RCRT_TRY(set_->failure());
  auto written = [&]() -> Result<void> {
    if (!wanted_.blob_hex.empty() && size > wanted_.blob_size - blob_->size())
      return error("more data than announced for blob", "sha256:" + wanted_.blob_hex, {}, EBADMSG);
    return blob_->append(data, size);
  }();
  if (!written) set_->fail(*this, written.error());
  return written;
}

Result<void> LayerIntake::end() {
  if (ended_) return {};
  if (!wanted_.blob_hex.empty() && blob_->size() != wanted_.blob_size)
    return error("less data than announced for blob", "sha256:" + wanted_.blob_hex, {}, EBADMSG);
  set_->ended(*this);
  blob_->end();
  return {};
}

Result<LayerIntake*> LayerSet::add(const LayerWanted& wanted, Busy busy) {
  std::unique_ptr<LayerIntake> layer(new LayerIntake);
  layer->wanted_ = wanted;
  RCRT_ASSIGN(Workspace workspace, Workspace::make(store_));
  layer->workspace_.emplace(std::move(workspace));
  if (wanted.blob_hex.empty()) {
    UniqueFd fd(openat(layer->workspace_->fd(), kBlobName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd) return errno_error("cannot create a blob's file in the image store");
    layer->blob_ = std::make_unique<BlobFile>(std::move(fd), 0, false);
    return enqueue(std::move(layer));
  }
  UniqueFd partial;
  if (!store_.has_blob(wanted.blob_hex, wanted.blob_size)) {
    RCRT_ASSIGN(partial, lock_partial(store_, wanted, busy));
    if (!partial) return nullptr;
  }
  if (store_.has_blob(wanted.blob_hex, wanted.blob_size)) {
    if (partial && same_file(partial.get(), store_.partial(), wanted.blob_hex.c_str()))
      unlinkat(store_.partial(), wanted.blob_hex.c_str(), 0);
    RCRT_ASSIGN(UniqueFd fd, store_.open_blob(wanted.blob_hex));
    layer->blob_ = std::make_unique<BlobFile>(std::move(fd), wanted.blob_size, true);
    layer->blob_stored_ = layer->ended_ = true;
    return enqueue(std::move(layer));
  }
  struct stat info{};
  if (fstat(partial.get(), &info) != 0) return errno_error("cannot stat a blob of the image store");
  auto there = static_cast<uint64_t>(info.st_size);
  if (there > wanted.blob_size) {
    if (ftruncate(partial.get(), 0) != 0) return errno_error("cannot empty a blob of the image store");
    there = 0;
  }
  layer->ended_ = there == wanted.blob_size;
  layer->blob_ = std::make_unique<BlobFile>(std::move(partial), there, layer->ended_);
  return enqueue(std::move(layer));
}

Result<LayerIntake*> LayerSet::adopt(int dir, const char* name, const LayerWanted& wanted) {
  if (!store_.has_blob(wanted.blob_hex, wanted.blob_size)) {
    // Not as a partial file: whoever fetches the same blob has a lock on that.
    std::unique_ptr<LayerIntake> layer(new LayerIntake);
    layer->wanted_ = wanted;
    layer->wanted_.blob_hex.clear();
    RCRT_ASSIGN(Workspace workspace, Workspace::make(store_));
    layer->workspace_.emplace(std::move(workspace));
    if (renameat(dir, name, layer->workspace_->fd(), kBlobName) != 0)
      return errno_error("cannot move a blob in the image store");
    UniqueFd fd(openat(layer->workspace_->fd(), kBlobName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno_error("cannot open a blob of the image store");
    layer->blob_ = std::make_unique<BlobFile>(std::move(fd), wanted.blob_size, true);
    layer->ended_ = true;
    return enqueue(std::move(layer));
  }
  return add(wanted);
}

Result<LayerFacts> LayerSet::unpack(LayerIntake& layer) const {
  LayerStream stream(*layer.blob_, limits_);
  if (layer.tree_stored_) {
    RCRT_TRY(stream.finish());
  } else {
    RCRT_ASSIGN(const UniqueFd tree, make_directory(layer.workspace_->fd(), kTreeName, 0755));
    if (fchmod(tree.get(), 0755) != 0) return errno_error("cannot set the mode of the layer's root");
    RCRT_TRY(unpack_tree(stream, tree.get(), Whiteouts::kOverlay, limits_));
  }
  if (!layer.wanted_.blob_hex.empty() && layer.wanted_.blob_hex != stream.blob_hex())
    return error("damaged layer, wrong content of", "sha256:" + layer.wanted_.blob_hex,
                 "fetch the image again", EBADMSG);
  if (!layer.wanted_.diff_hex.empty() && layer.wanted_.diff_hex != stream.diff_hex())
    return error("damaged layer, its archive is not the one the image names",
                 "sha256:" + layer.wanted_.diff_hex, "fetch the image again", EBADMSG);
  return LayerFacts{stream.blob_hex(), stream.diff_hex(), stream.media_type(), stream.blob_size()};
}

}  // namespace rcrt::image_oci
