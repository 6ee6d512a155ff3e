// SPDX-License-Identifier: MIT
// load, save, archive, commit and verify: the requests of include/rcrt/image.h taken apart.
#include "plugins/image-oci/archive_verbs.h"

#include <fcntl.h>
#include <unistd.h>

#include "plugins/image-oci/files.h"
#include "plugins/image-oci/import.h"
#include "plugins/image-oci/load.h"
#include "plugins/image-oci/request.h"
#include "plugins/image-oci/save.h"
#include "plugins/image-oci/tree_archiver.h"
#include "plugins/image-oci/utf8_locale.h"
#include "plugins/image-oci/verify.h"

namespace rcrt::image_oci {
namespace {

// { "transport", "path", "reference" }; without a transport whatever it turns out to be.
Result<bool> read_source(const sdk::Json& json, ImageSource& source) {
  auto text = [&](const char* member) {
    auto it = json.find(member);
    return it == json.end() || it->is_null() ? std::string() : it->get<std::string>();
  };
  source.path = text("path");
  source.reference = text("reference");
  source.transport = ImageSource::Transport::oci;
  const std::string transport = text("transport");
  if (transport.empty()) return false;
  const auto known = transport_of(transport);
  if (!known || *known == ImageSource::Transport::registry)
    return error("unknown transport", transport, "known: oci, oci-archive, docker-archive, dir", EINVAL);
  source.transport = *known;
  return true;
}

// A duplicate of the call's descriptor `name`, for reading or writing from its position.
UniqueFd descriptor_of(const sdk::Call& call, const char* name) {
  const int fd = call.fd(name);
  return UniqueFd(fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

std::vector<std::string> texts(const sdk::Json& request, const char* member) {
  auto it = request.find(member);
  return it == request.end() || it->is_null() ? std::vector<std::string>()
                                              : it->get<std::vector<std::string>>();
}

}  // namespace

sdk::Status load_verb(sdk::Call& call) {
  const Utf8Locale locale;
  auto store = store_of(call);
  if (!store) return failed(store.error());
  LoadRequest request;
  auto has_form = read_source(call.request().value("source", sdk::Json::object()), request.source);
  if (!has_form) return failed(has_form.error());
  request.detect = !*has_form;
  const UniqueFd from = descriptor_of(call, "in");
  request.from = from.get();
  request.name = call.text("name");
  request.limits = limits_of(call.request());
  request.progress = sink_of(call);
  request.loaded = [&](const LoadedImage& image) {
    call.progress({{"event", "image"}, {"name", image.name}, {"id", image.id}, {"digest", image.digest}});
  };
  auto loaded = load_images(*store, request);
  if (!loaded) return failed(loaded.error());
  sdk::Json images = sdk::Json::array();
  for (const LoadedImage& image : *loaded)
    images.push_back({{"name", image.name}, {"id", image.id}, {"digest", image.digest}});
  call.result({{"images", images}});
  return {};
}

sdk::Status save_verb(sdk::Call& call) {
  const Utf8Locale locale;
  auto store = store_of(call);
  if (!store) return failed(store.error());
  SaveRequest request;
  if (auto known = read_source(call.request().at("destination"), request.destination); !known)
    return failed(known.error());
  const UniqueFd to = descriptor_of(call, "out");
  request.to = to.get();
  request.images = texts(call.request(), "images");
  request.limits = limits_of(call.request());
  request.progress = sink_of(call);
  if (auto saved = save_images(*store, request); !saved) return failed(saved.error());
  return {};
}

sdk::Status archive_verb(sdk::Call& call) {
  const Utf8Locale locale;
  const UniqueFd root(openat(call.fd("root"), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed(errno_error("cannot open the directory to be archived").error());
  const int out = call.fd("out");
  const ArchiveOptions options = {.changing = call.flag("changing")};
  auto archived = archive_tree(
      root.get(), [&](const void* data, size_t size) { return write_full(out, data, size); }, options);
  if (!archived) return failed(archived.error());
  return {};
}

sdk::Status commit_verb(sdk::Call& call) {
  const Utf8Locale locale;
  auto store = store_of(call);
  if (!store) return failed(store.error());
  const int given = call.fd("changes");
  if (given < 0) return failed(error("the request has no descriptor of the container's changes").error());
  const UniqueFd changes(openat(given, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!changes) return failed(errno_error("cannot open the container's changes").error());
  CommitRequest request;
  request.base = call.request().at("base").get<std::string>();
  request.name = call.text("name");
  request.config = call.request().value("config", sdk::Json::object());
  request.author = call.text("author");
  request.comment = call.text("comment");
  request.created_by = call.text("created_by", "rcrt commit");
  request.limits = limits_of(call.request());
  auto id = commit_image(*store, request, changes.get());
  if (!id) return failed(id.error());
  call.result({{"id", *id}});
  return {};
}

sdk::Status verify_verb(sdk::Call& call) {
  const Utf8Locale locale;
  auto store = store_of(call);
  if (!store) return failed(store.error());
  VerifyRequest request;
  request.images = texts(call.request(), "images");
  request.trees = call.request().value("trees", true);
  request.limits = limits_of(call.request());
  request.checked = [&](const std::string& digest, uint64_t size) {
    call.progress(
        {{"event", "blob"}, {"digest", digest}, {"state", "done"}, {"current", size}, {"total", size}});
  };
  auto verified = verify_store(*store, request);
  if (!verified) return failed(verified.error());
  sdk::Json problems = sdk::Json::array();
  for (const Problem& problem : verified->problems)
    problems.push_back({{"what", problem.what}, {"object", problem.object}, {"images", problem.images}});
  call.result({{"blobs", verified->blobs},
               {"layers", verified->layers},
               {"bytes", verified->bytes},
               {"problems", problems}});
  return {};
}

}  // namespace rcrt::image_oci
