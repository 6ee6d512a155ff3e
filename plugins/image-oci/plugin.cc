// SPDX-License-Identifier: MIT
// image-oci: root file systems in and out of the image store, an OCI image layout.
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <rcrt/plugin.hpp>

#include "archive_reader.h"
#include "archive_writer.h"
#include "base/fault.h"
#include "files.h"
#include "flatten.h"
#include "prune.h"
#include "store_writer.h"

namespace rcrt::oci {
namespace {

using sdk::Call;
using sdk::Status;

// rcrt::Result to the SDK's.
std::unexpected<sdk::Failure> failure(const Error& error) {
  Error text = error;
  text.code = 0;
  text.object.clear();
  text.hint.clear();
  return sdk::fail(error.code > 0 ? error.code : EIO, text.message(), error.object, error.hint);
}

Limits limits_of(const Json& request) {
  Limits limits;
  auto given = request.find("limits");
  if (given == request.end() || !given->is_object()) return limits;
  limits.entries = given->value("entries", limits.entries);
  limits.name_length = given->value("name_length", limits.name_length);
  limits.size = given->value("size", limits.size);
  limits.ratio = std::max<uint64_t>(1, given->value("ratio", limits.ratio));
  limits.ratio_from = given->value("ratio_from", limits.ratio_from);
  limits.xattrs = given->value("xattrs", limits.xattrs);
  return limits;
}

std::string now() {
  timespec time;
  ::clock_gettime(CLOCK_REALTIME, &time);
  tm utc;
  ::gmtime_r(&time.tv_sec, &utc);
  char text[64];
  size_t length = ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + length, sizeof text - length, ".%09ldZ", time.tv_nsec);
  return text;
}

std::string architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this architecture as Go does"
#endif
}

Result<std::string> import_image(const Json& request, const std::string& root, const std::string& source,
                                 const std::string& name) {
  Utf8Names utf8;
  Limits limits = limits_of(request);
  UniqueFd from(::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!from)
    return errno_error("cannot open", source, errno == ENOENT ? "name a tar archive or a directory" : "");
  struct stat info;
  if (::fstat(from.get(), &info) != 0) return errno_error("cannot examine", source);
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    return error("neither a tar archive nor a directory", source, {}, EINVAL);

  RCRT_ASSIGN(StoreWriter store, StoreWriter::open(root));
  RCRT_TRY(store.clean_temporary());
  fault_point("image-oci: locked");
  RCRT_ASSIGN(UniqueFd blob, store.temporary_blob());
  uint64_t size = 0;
  auto hex = S_ISDIR(info.st_mode) ? archive_directory(from.get(), blob.get())
                                   : decompress(from.get(), blob.get(), limits, &size);
  if (!hex) return wrap(hex.error(), "cannot import", source);
  struct stat written;
  if (::fstat(blob.get(), &written) != 0) return errno_error("cannot examine a blob");
  // Unpacked first: what is no archive, or a bad one, never becomes a blob.
  if (auto added = store.add_layer(blob.get(), *hex, limits); !added) {
    (void)store.clean_temporary();
    return wrap(added.error(), "cannot import", source);
  }
  RCRT_TRY(store.keep_blob(blob.get(), *hex));

  std::string created = now();
  Json config = {{"created", created},
                 {"architecture", architecture()},
                 {"os", "linux"},
                 {"config", request.value("config", Json::object())},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + *hex}}}},
                 {"history", {{{"created", created}, {"created_by", "rcrt import"}}}}};
  if (!config["config"].is_object())
    return error("the image's \"config\" is not an object", name, {}, EINVAL);
  std::string config_text = config.dump();
  RCRT_ASSIGN(std::string id, store.add_blob(config_text));
  Json manifest = {{"schemaVersion", 2},
                   {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                   {"config",
                    {{"mediaType", "application/vnd.oci.image.config.v1+json"},
                     {"digest", id},
                     {"size", config_text.size()}}},
                   {"layers",
                    {{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                      {"digest", "sha256:" + *hex},
                      {"size", written.st_size}}}}};
  std::string manifest_text = manifest.dump();
  RCRT_ASSIGN(std::string digest, store.add_blob(manifest_text));
  fault_point("image-oci: before the name");
  RCRT_TRY(store.add_name(name, digest, manifest_text.size()));
  fault_point("image-oci: named");
  return id;
}

Status import(Call& call) {
  std::string name = call.text("name"), source = call.text("source");
  if (name.empty() || source.empty() || source[0] != '/')
    return sdk::fail(EINVAL, "the request needs a \"name\" and an absolute \"source\"", source);
  auto id = import_image(call.request(), call.text("root"), source, name);
  if (!id) return failure(id.error());
  call.result({{"id", *id}});
  return {};
}

Result<void> unpack_image(const std::string& root, const std::string& name, const std::string& directory) {
  RCRT_ASSIGN(StoreWriter store, StoreWriter::open(root));
  RCRT_ASSIGN(std::vector<std::string> layers, layers_of(store, name));
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("cannot create", directory);
  UniqueFd to(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to) return errno_error("cannot open", directory);
  RCRT_ASSIGN(std::vector<std::string> there, list_directory(to.get()));
  if (!there.empty()) return error("the directory is not empty", directory, "name another one", ENOTEMPTY);
  for (const std::string& hex : layers) {
    UniqueFd layer(::openat(store.layers(), hex.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!layer) return errno_error("cannot open a layer of the image", hex, "import or pull the image again");
    fault_point("image-oci: flatten");
    RCRT_TRY(flatten(layer.get(), to.get()));
  }
  return {};
}

Status unpack(Call& call) {
  std::string directory = call.text("directory");
  if (directory.empty() || directory[0] != '/')
    return sdk::fail(EINVAL, "the request's \"directory\" is not an absolute path", directory);
  auto done = unpack_image(call.text("root"), call.text("name"), directory);
  if (!done) return failure(done.error());
  return {};
}

Status prune_store(Call& call) {
  std::set<std::string> keep;
  if (auto given = call.request().find("keep"); given != call.request().end() && given->is_array())
    for (const Json& hex : *given) keep.insert(hex.get<std::string>());
  auto store = StoreWriter::open(call.text("root"));
  if (!store) return failure(store.error());
  auto freed = prune(*store, std::move(keep));
  if (!freed) return failure(freed.error());
  call.result({{"freed", *freed}});
  return {};
}

constexpr rcrt_image_v1 kImage = {.size = sizeof(rcrt_image_v1),
                                  .import = RCRT_FUNCTION(import),
                                  .unpack = RCRT_FUNCTION(unpack),
                                  .prune = RCRT_FUNCTION(prune_store)};

}  // namespace
}  // namespace rcrt::oci

RCRT_PLUGIN("image-oci", "1.0", "images in an OCI image layout", "MIT", {RCRT_IMAGE_V1, &rcrt::oci::kImage});
