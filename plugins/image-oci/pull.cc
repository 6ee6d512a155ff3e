// SPDX-License-Identifier: MIT
#include "plugins/image-oci/pull.h"

#include <algorithm>

#include "base/fault.h"
#include "base/image_index.h"
#include "base/image_reference.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/platform.h"
#include "plugins/image-oci/pull_layers.h"
#include "plugins/image-oci/registries_conf.h"
#include "plugins/image-oci/remote_image.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {
namespace {

constexpr int kMostParallel = 16;

class Pull {
 public:
  Pull(const PullRequest& request, const Store& store, const RegistriesConf& conf, Platform platform,
       HttpClient http)
      : request_(request),
        store_(store),
        conf_(conf),
        platform_(std::move(platform)),
        http_(std::move(http)) {}

  // The first of the references that exists.
  Result<std::vector<PulledImage>> run(const std::vector<Reference>& candidates) {
    std::optional<Error> failure;
    for (const Reference& reference : candidates) {
      auto pulled = request_.all_tags ? pull_tags(reference) : pull_one(reference);
      if (pulled) return pulled;
      // What it is that went wrong with the last one is told, unless an earlier one exists.
      if (!failure || failure->code == ENOENT) failure = std::move(pulled).error();
    }
    return std::unexpected(std::move(*failure));
  }

 private:
  // Mirrors first, then the registry itself; the first that gives what `work` wants. What one
  // has downloaded when it fails, the next goes on with.
  template <typename Work>
  Result<std::vector<PulledImage>> from_endpoints(const Reference& reference, Work work) {
    RCRT_ASSIGN(const auto endpoints, conf_.pull_endpoints(reference));
    for (size_t i = 0;; ++i) {
      auto registry = connect_to(endpoints[i], reference);
      auto done =
          registry ? work(**registry) : Result<std::vector<PulledImage>>(std::unexpected(registry.error()));
      if (done || i + 1 == endpoints.size()) return done;
      warn("mirror " + endpoints[i].host + " is left out: " + done.error().message());
    }
  }

  Result<std::unique_ptr<Registry>> connect_to(const Endpoint& endpoint, const Reference& reference) {
    RCRT_ASSIGN(auto credentials, credentials_for(request_.access, endpoint, reference));
    return Registry::connect(http_, endpoint, request_.access, "pull", std::move(credentials));
  }

  Result<std::vector<PulledImage>> pull_one(const Reference& reference) {
    return from_endpoints(reference, [&](Registry& registry) -> Result<std::vector<PulledImage>> {
      RCRT_ASSIGN(PulledImage image, pull_from(registry, reference));
      return std::vector{std::move(image)};
    });
  }

  Result<std::vector<PulledImage>> pull_tags(const Reference& reference) {
    return from_endpoints(reference, [&](Registry& registry) -> Result<std::vector<PulledImage>> {
      RCRT_ASSIGN(const auto tags, list_tags(http_, registry));
      if (tags.empty()) return error("repository has no tags", reference.repository(), {}, ENOENT);
      std::vector<PulledImage> images;
      for (const std::string& tag : tags) {
        // A registry's word for a name is looked at like a user's.
        RCRT_ASSIGN(const Reference tagged, parse_reference(reference.repository() + ":" + tag));
        RCRT_ASSIGN(PulledImage image, pull_from(registry, tagged));
        images.push_back(std::move(image));
      }
      return images;
    });
  }

  Result<PulledImage> pull_from(Registry& registry, const Reference& reference) {
    ProgressBoard(request_.progress).text("Looking for " + reference.text() + " in " + registry.name());
    RCRT_ASSIGN(const RemoteImage image, find_remote_image(http_, {&registry}, reference, platform_));
    return store_image({&registry}, reference, image);
  }

  Result<PulledImage> store_image(const std::vector<Registry*>& registries, const Reference& reference,
                                  const RemoteImage& image) {
    check_architecture(reference, image);
    // With a digest the tag says nothing.
    Reference named = reference;
    if (!named.digest.empty()) named.tag.clear();
    PulledImage pulled{named.text(), image.manifest.config.digest, image.descriptor.digest, true};
    fault_point("image-oci: image found in its registry");

    ProgressBoard board(request_.progress);
    RCRT_ASSIGN(Json descriptor,
                pull_layers(store_, image, registries, std::clamp(request_.parallel, 1, kMostParallel),
                            request_.limits, board));
    fault_point("image-oci: pulled and in place");
    RCRT_ASSIGN(const bool there, is_tagged(pulled));
    if (there) {
      pulled.news = false;
    } else {
      if (image.chosen) {
        descriptor["platform"] = {{"os", image.descriptor.os},
                                  {"architecture", image.descriptor.architecture}};
        if (!image.descriptor.variant.empty()) descriptor["platform"]["variant"] = image.descriptor.variant;
      }
      RCRT_TRY(store_.tag(descriptor, pulled.name));
      fault_point("image-oci: pulled image is in the index");
    }
    if (request_.progress)
      request_.progress(
          {{"event", "image"}, {"name", pulled.name}, {"id", pulled.id}, {"digest", pulled.digest}});
    return pulled;
  }

  Result<bool> is_tagged(const PulledImage& image) const {
    RCRT_ASSIGN(const Json index, read_image_index(store_.images()));
    RCRT_ASSIGN(const auto entries, parse_index(index));
    return std::ranges::any_of(entries, [&](const Descriptor& entry) {
      return entry.name == image.name && entry.digest == image.digest;
    });
  }

  void check_architecture(const Reference& reference, const RemoteImage& image) const {
    const Json config = Json::parse(image.config_text, nullptr, false);
    auto it = config.find("architecture");
    if (it == config.end() || !it->is_string()) return;
    auto architecture = parse_platform(it->get<std::string>());
    if (architecture && architecture->architecture != platform_.architecture)
      warn(reference.text() + " is for " + architecture->architecture + ", not for " +
           platform_.architecture);
  }

  void warn(const std::string& line) const {
    if (request_.warn) request_.warn(line);
  }

  const PullRequest& request_;
  const Store& store_;
  const RegistriesConf& conf_;
  const Platform platform_;
  HttpClient http_;
};

}  // namespace

Result<std::vector<PulledImage>> pull_images(const PullRequest& request) {
  // Nothing that is asked of a registry before all that was asked of us makes sense.
  RCRT_ASSIGN(Platform platform, parse_platform(request.platform));
  RCRT_ASSIGN(const Reference parsed, parse_reference(request.reference));
  if (request.all_tags && !parsed.digest.empty())
    return error("all tags of a digest", request.reference, "leave the digest out", EINVAL);
  RCRT_ASSIGN(const RegistriesConf conf,
              RegistriesConf::load(request.registries_conf, request.registries_conf_dir));
  RCRT_ASSIGN(const auto candidates, conf.candidates(request.reference));
  RCRT_ASSIGN(HttpClient http, HttpClient::make(nullptr));
  fault_point("image-oci: pull begins");
  RCRT_ASSIGN(const Store store, Store::open(request.root));
  RCRT_ASSIGN(const UniqueFd held, store.hold_contents());
  if (request.only_missing)
    for (const Reference& reference : candidates)
      if (auto there = find_image(store, reference.text()))
        return std::vector{PulledImage{there->descriptor.name, there->manifest.config.digest,
                                       there->descriptor.digest, false}};
  return Pull(request, store, conf, std::move(platform), std::move(http)).run(candidates);
}

}  // namespace rcrt::image_oci
