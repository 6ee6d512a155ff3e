// SPDX-License-Identifier: MIT
#include "plugins/image-oci/push.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "base/fault.h"
#include "base/image_index.h"
#include "base/image_reference.h"
#include "plugins/image-oci/blob_upload.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/registries_conf.h"
#include "plugins/image-oci/store.h"
#include "plugins/image-oci/workers.h"

namespace rcrt::image_oci {
namespace {

constexpr int kMostParallel = 16;
constexpr size_t kLargestManifest = 8 << 20;

class Push {
 public:
  Push(const PushRequest& request, const Store& store, const FoundImage& image, Registry& registry)
      : request_(request), store_(store), image_(image), registry_(registry), board_(request.progress) {}

  Result<void> upload_blobs(const std::string& domain) {
    RCRT_TRY(find_elsewhere(domain));
    std::set<std::string> listed;
    auto list = [&](const Descriptor& blob) {
      if (listed.insert(blob.digest).second) todo_.emplace_back(&blob, &board_.add(blob.digest, blob.size));
    };
    for (const Descriptor& layer : image_.manifest.layers) list(layer);
    list(image_.manifest.config);
    board_.report();
    const int count =
        std::clamp(request_.parallel, 1, std::min(kMostParallel, static_cast<int>(todo_.size())));
    auto done = run_workers(count, [this] { return work(); }, [this] { board_.report(); });
    if (failure_) return std::unexpected(std::move(*failure_));
    return done;
  }

  // Last of all: a manifest whose blobs are not there is refused, or worse, taken.
  Result<void> put_manifest(HttpClient& http, const Reference& reference) {
    RCRT_ASSIGN(
        const std::string text,
        read_small_file(store_.blobs(), image_.descriptor.digest.substr(7).c_str(), kLargestManifest));
    const std::string name = reference.tag.empty() ? image_.descriptor.digest : reference.tag;
    HttpRequest request = registry_.request("PUT", "/manifests/" + name);
    request.headers = {"Content-Type: " + image_.descriptor.media_type};
    request.body = text;
    const HttpResponse response = registry_.send(http, std::move(request));
    fault_point("image-oci: manifest pushed");
    if (response.broken || response.status != 201)
      return registry_.failure(response, "cannot push image", reference.text());
    const std::string digest = response.header("docker-content-digest");
    if (!digest.empty() && digest != image_.descriptor.digest)
      return error("registry has made another image of", reference.text(), "its digest there is " + digest,
                   EPROTO);
    return {};
  }

 private:
  // Which other repositories of this registry have our blobs, as far as we can know: those
  // that the store has images of.
  Result<void> find_elsewhere(const std::string& domain) {
    RCRT_ASSIGN(const Json index, read_image_index(store_.images()));
    RCRT_ASSIGN(const auto entries, parse_index(index));
    for (const Descriptor& entry : entries) {
      auto reference = parse_reference(entry.name);
      if (entry.name.empty() || !reference || reference->domain != domain || is_index_type(entry.media_type))
        continue;
      if (reference->path == registry_.endpoint().repository) continue;
      auto document = store_.read_document(entry);
      auto manifest = document ? parse_manifest(*document) : Result<Manifest>(error("no manifest"));
      if (!manifest) continue;
      manifest->layers.push_back(manifest->config);
      for (const Descriptor& blob : manifest->layers) {
        auto& names = elsewhere_[blob.digest];
        if (std::ranges::find(names, reference->path) == names.end()) names.push_back(reference->path);
      }
    }
    return {};
  }

  Result<void> work() {
    auto http = HttpClient::make(&stop_);
    if (!http) return stop(http.error());
    while (true) {
      const Descriptor* blob = nullptr;
      BlobProgress* progress = nullptr;
      {
        const std::lock_guard held(mutex_);
        if (stop_ || next_ == todo_.size()) return {};
        std::tie(blob, progress) = todo_[next_++];
      }
      auto fd = store_.open_blob(blob->digest.substr(7));
      if (!fd) return stop(fd.error());
      const auto known = elsewhere_.find(blob->digest);
      auto done = upload_blob(*http, registry_, *blob, fd->get(),
                              known != elsewhere_.end() ? known->second : std::vector<std::string>(),
                              request_.chunk_bytes, *progress);
      if (!done) return stop(done.error());
    }
  }

  Result<void> stop(const Error& failure) {
    const std::lock_guard held(mutex_);
    if (!failure_) failure_ = failure;
    stop_ = true;
    return std::unexpected(failure);
  }

  const PushRequest& request_;
  const Store& store_;
  const FoundImage& image_;
  Registry& registry_;
  ProgressBoard board_;
  std::map<std::string, std::vector<std::string>> elsewhere_;  // repositories, by blob
  std::vector<std::pair<const Descriptor*, BlobProgress*>> todo_;
  size_t next_ = 0;
  std::mutex mutex_;
  std::atomic<bool> stop_ = false;
  std::optional<Error> failure_;
};

}  // namespace

Result<PushedImage> push_image(const PushRequest& request) {
  RCRT_ASSIGN(Reference reference,
              parse_reference(request.destination.empty() ? request.name : request.destination));
  RCRT_ASSIGN(const RegistriesConf conf,
              RegistriesConf::load(request.registries_conf, request.registries_conf_dir));
  RCRT_ASSIGN(const Endpoint endpoint, conf.push_endpoint(reference));
  RCRT_ASSIGN(const Store store, Store::open(request.root));
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  RCRT_ASSIGN(const FoundImage image, find_image(store, request.name));
  if (!reference.digest.empty()) {
    if (reference.digest != image.descriptor.digest)
      return error("image has another digest than it is to be pushed as", reference.text(),
                   "its digest is " + image.descriptor.digest, EINVAL);
    reference.tag.clear();
  }
  RCRT_ASSIGN(HttpClient http, HttpClient::make(nullptr));
  RCRT_ASSIGN(auto credentials, credentials_for(request.access, endpoint, reference));
  RCRT_ASSIGN(const auto registry,
              Registry::connect(http, endpoint, request.access, "pull,push", std::move(credentials)));
  if (request.progress)
    request.progress({{"event", "text"}, {"text", "Pushing " + request.name + " to " + registry->name()}});
  fault_point("image-oci: push begins");
  Push push(request, store, image, *registry);
  RCRT_TRY(push.upload_blobs(reference.domain));
  fault_point("image-oci: all blobs pushed");
  RCRT_TRY(push.put_manifest(http, reference));
  return PushedImage{reference.text(), image.descriptor.digest};
}

}  // namespace rcrt::image_oci
