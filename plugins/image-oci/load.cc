// SPDX-License-Identifier: MIT
#include "plugins/image-oci/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/image-oci/files.h"

namespace rcrt::image_oci {
namespace {

using Transport = ImageSource::Transport;

Result<std::unique_ptr<ImageFiles>> open_files(const Store& store, const LoadRequest& request) {
  const std::string& path = request.source.path;
  ProgressBoard(request.progress).text("Reading " + (request.from >= 0 ? "the archive" : path));
  if (request.from >= 0) return stage_archive(store, request.from, request.limits);
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return errno_error("cannot open", path);
  if (S_ISDIR(info.st_mode)) return open_folder(path);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return errno_error("cannot open", path);
  return stage_archive(store, fd.get(), request.limits);
}

Result<Transport> find_form(const ImageFiles& files, const LoadRequest& request) {
  if (!request.detect) return request.source.transport;
  // What docker makes since version 25 is both; the layout keeps the image's digest.
  if (files.has("index.json") && files.has("oci-layout")) return Transport::oci;
  if (files.has("manifest.json")) return files.has("version") ? Transport::dir : Transport::docker_archive;
  return error("no image in", request.source.path.empty() ? "the archive" : request.source.path,
               "a root file system is made an image by `rcrt import`", EBADMSG);
}

}  // namespace

Result<std::vector<LoadedImage>> load_images(const Store& store, const LoadRequest& request) {
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const auto files, open_files(store, request));
  RCRT_ASSIGN(const Transport form, find_form(*files, request));
  switch (form) {
    case Transport::oci:
    case Transport::oci_archive:
      return load_layout(store, *files, request);
    case Transport::docker_archive:
      return load_docker(store, *files, request);
    case Transport::dir:
      return load_dir(store, *files, request);
    case Transport::registry:
      break;
  }
  return error("cannot load from a registry", request.source.reference, {}, EINVAL);
}

}  // namespace rcrt::image_oci
