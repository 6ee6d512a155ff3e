// SPDX-License-Identifier: MIT
#include "plugins/image-oci/save.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/image_index.h"
#include "base/image_names.h"
#include "base/oci_store.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

using Transport = ImageSource::Transport;

// A blob of the store, checked while it is read: what is damaged is not passed on.
class CheckedBlob final : public ByteSource {
 public:
  CheckedBlob(UniqueFd fd, std::string hex) : fd_(std::move(fd)), source_(fd_.get()), hex_(std::move(hex)) {}
  Result<size_t> read(void* data, size_t size) override {
    RCRT_ASSIGN(const size_t got, source_.read(data, size));
    if (got > 0) hash_.update(data, got);
    if (got == 0 && hash_.hex() != hex_)
      return error("damaged image, wrong content of", "sha256:" + hex_, "see `rcrt image verify`", EBADMSG);
    return got;
  }

 private:
  UniqueFd fd_;
  FdSource source_;
  std::string hex_;
  Sha256 hash_;
};

// What is read of the other counts as saved.
class CountedSource final : public ByteSource {
 public:
  CountedSource(ByteSource& source, BlobProgress& bar) : source_(source), bar_(bar) {}
  Result<size_t> read(void* data, size_t size) override {
    RCRT_ASSIGN(const size_t got, source_.read(data, size));
    bar_.current += got;
    return got;
  }

 private:
  ByteSource& source_;
  BlobProgress& bar_;
};

Result<void> add_layer(const Store& store, const Descriptor& layer, const std::string& path,
                       const SaveOutput& out) {
  const std::string hex = layer.digest.substr(7);
  RCRT_ASSIGN(UniqueFd fd, store.open_blob(hex));
  CheckedBlob source(std::move(fd), hex);
  return out.add_layer(path, layer.digest, layer.size, source);
}

Result<void> add_document(const Store& store, const Descriptor& document, const std::string& path,
                          OutputFiles& files) {
  if (files.has(path)) return {};
  RCRT_ASSIGN(const std::string text, store.read_text(document));
  return files.add_text(path, text);
}

std::string layout_path(const Descriptor& blob) { return "blobs/sha256/" + blob.digest.substr(7); }

Result<std::vector<SavedImage>> find_images(const Store& store, const SaveRequest& request) {
  std::vector<SavedImage> images;
  for (const std::string& name : request.images) {
    RCRT_ASSIGN(FoundImage found, find_image(store, name));
    auto same = std::ranges::find_if(images, [&](const SavedImage& other) {
      return other.image.descriptor.digest == found.descriptor.digest;
    });
    if (same == images.end()) same = images.insert(images.end(), SavedImage{std::move(found), {}});
    if (!is_digest(name)) same->names.push_back(image_key(name));
  }
  if (!request.destination.reference.empty()) {
    if (images.size() != 1)
      return error("several images and one name", request.destination.reference, {}, EINVAL);
    images[0].names = {request.destination.reference};
  }
  return images;
}

Result<void> save_all(const Store& store, const SaveRequest& request, const std::vector<SavedImage>& images,
                      const SaveOutput& out, const std::string& index_before) {
  switch (request.destination.transport) {
    case Transport::docker_archive:
      RCRT_TRY(save_docker(store, images, out, request.limits));
      break;
    case Transport::dir:
      RCRT_TRY(save_dir(store, images[0], out));
      break;
    default:
      RCRT_TRY(save_layout(store, images, out, index_before));
  }
  return out.files.finish();
}

Result<void> save_to(const Store& store, const SaveRequest& request, const std::vector<SavedImage>& images,
                     OutputFiles& files, const std::string& index_before) {
  ProgressBoard board(request.progress);
  return board.report_beside(
      [&] { return save_all(store, request, images, SaveOutput{files, board}, index_before); });
}

Result<void> save_folder(const Store& store, const SaveRequest& request,
                         const std::vector<SavedImage>& images) {
  const std::string& path = request.destination.path;
  if (request.destination.transport == Transport::dir && images.size() != 1)
    return error("one image only can be saved to", path, "an OCI layout (oci:) holds several", EINVAL);
  std::string index;
  if (UniqueFd there(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); there) {
    RCRT_ASSIGN(const auto names, names_in(there.get()));
    const bool is_dir = request.destination.transport == Transport::dir;
    const bool ours = faccessat(there.get(), is_dir ? "version" : "oci-layout", F_OK, 0) == 0;
    if (!names.empty() && !ours) return error("cannot save to", path, "name a new folder", ENOTEMPTY);
    if (!is_dir && !names.empty()) {
      RCRT_ASSIGN(index, read_store_file(there.get(), "index.json", kLargestIndex));
    }
  }
  RCRT_ASSIGN(const auto out, folder_output(path));
  return save_to(store, request, images, *out, index);
}

// A file that is whole or not there; a pipe or device is written as it is.
Result<void> save_archive(const Store& store, const SaveRequest& request,
                          const std::vector<SavedImage>& images) {
  const std::string& path = request.destination.path;
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd) return errno_error("cannot open", path);
    RCRT_ASSIGN(const auto out, tar_output(fd.get()));
    return save_to(store, request, images, *out, "");
  }
  const std::string temporary = path + "." + std::to_string(getpid()) + ".new";
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return errno_error("cannot create", temporary);
  auto saved = [&]() -> Result<void> {
    RCRT_ASSIGN(const auto out, tar_output(fd.get()));
    RCRT_TRY(save_to(store, request, images, *out, ""));
    if (fsync(fd.get()) != 0) return errno_error("cannot sync", temporary);
    if (rename(temporary.c_str(), path.c_str()) != 0) return errno_error("cannot rename", temporary);
    return {};
  }();
  if (!saved) unlink(temporary.c_str());
  return saved;
}

}  // namespace

Result<void> SaveOutput::add_layer(const std::string& path, const std::string& digest, uint64_t size,
                                   ByteSource& source) const {
  BlobProgress& bar = board.add(digest, size);
  if (files.has(path)) {
    bar.state = BlobState::present;
    return {};
  }
  bar.state = BlobState::saving;
  CountedSource counted(source, bar);
  RCRT_TRY(files.add(path, size, counted));
  bar.state = BlobState::done;
  return {};
}

Result<void> save_images(const Store& store, const SaveRequest& request) {
  if (request.images.empty()) return error("no image to save", {}, {}, EINVAL);
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const auto images, find_images(store, request));
  auto saved = [&]() -> Result<void> {
    if (request.to >= 0) {
      RCRT_ASSIGN(const auto out, tar_output(request.to));
      return save_to(store, request, images, *out, "");
    }
    const bool folder =
        request.destination.transport == Transport::oci || request.destination.transport == Transport::dir;
    return folder ? save_folder(store, request, images) : save_archive(store, request, images);
  }();
  if (!saved)
    return in_context(saved.error(), "cannot save to",
                      request.to >= 0 ? "standard output" : request.destination.path);
  return saved;
}

Result<void> save_layout(const Store& store, const std::vector<SavedImage>& images, const SaveOutput& out,
                         const std::string& index_before) {
  Json index = {{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.index.v1+json"},
                {"manifests", Json::array()}};
  if (!index_before.empty()) {
    RCRT_ASSIGN(index, parse_object(index_before, "index.json"));
    RCRT_TRY(parse_index(index));
  }
  OutputFiles& files = out.files;
  if (!files.has("oci-layout")) RCRT_TRY(files.add_text("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  for (const SavedImage& saved : images) {
    const Manifest& manifest = saved.image.manifest;
    for (const Descriptor& layer : manifest.layers)
      RCRT_TRY(add_layer(store, layer, layout_path(layer), out));
    RCRT_TRY(add_document(store, manifest.config, layout_path(manifest.config), files));
    RCRT_TRY(add_document(store, saved.image.descriptor, layout_path(saved.image.descriptor), files));
    const Json descriptor = {{"mediaType", saved.image.descriptor.media_type},
                             {"digest", saved.image.descriptor.digest},
                             {"size", saved.image.descriptor.size}};
    if (saved.names.empty()) name_image(index, descriptor, "");
    for (const std::string& name : saved.names) name_image(index, descriptor, name);
  }
  return files.add_text("index.json", index.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<void> save_dir(const Store& store, const SavedImage& saved, const SaveOutput& out) {
  const Manifest& manifest = saved.image.manifest;
  RCRT_TRY(out.files.add_text("version", "Directory Transport Version: 1.1\n"));
  for (const Descriptor& layer : manifest.layers)
    RCRT_TRY(add_layer(store, layer, layer.digest.substr(7), out));
  RCRT_TRY(add_document(store, manifest.config, manifest.config.digest.substr(7), out.files));
  RCRT_ASSIGN(const std::string text, store.read_text(saved.image.descriptor));
  return out.files.add_text("manifest.json", text);
}

}  // namespace rcrt::image_oci
