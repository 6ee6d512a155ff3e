// SPDX-License-Identifier: MIT
// OCI image layouts, and skopeo's dir: form.
#include "base/image_index.h"
#include "base/image_names.h"
#include "base/image_reference.h"
#include "plugins/image-oci/digest.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/image_intake.h"
#include "plugins/image-oci/load.h"

namespace rcrt::image_oci {
namespace {

constexpr int kDeepestIndex = 4;
constexpr const char* kContainerdName = "io.containerd.image.name";

// Where the form keeps a blob.
using PathOf = std::string (*)(const std::string& digest);
std::string layout_path(const std::string& digest) { return "blobs/sha256/" + digest.substr(7); }
std::string dir_path(const std::string& digest) { return digest.substr(7); }

Result<std::string> read_checked(const ImageFiles& files, const Descriptor& descriptor,
                                 const std::string& path) {
  RCRT_ASSIGN(std::string text, files.read(path));
  if (text.size() != descriptor.size || "sha256:" + sha256_hex(text) != descriptor.digest)
    return error("wrong content of", descriptor.digest, "the image is damaged", EBADMSG);
  return text;
}

Result<Json> feed_all(ImageIntake& intake, const ImageFiles& files, PathOf path_of) {
  while (!intake.done()) {
    RCRT_ASSIGN(LayerIntake* const layer, intake.next());
    if (layer == nullptr) continue;
    const std::string& hex = layer->wanted().blob_hex;
    if (BlobProgress* const bar = intake.shown(hex)) bar->state = BlobState::unpacking;
    RCRT_TRY(files.feed(path_of("sha256:" + hex), *layer));
  }
  return intake.commit();
}

// Brings an image in whose manifest is known.
Result<LoadedImage> load_one(const Store& store, const ImageFiles& files, PathOf path_of,
                             std::string manifest_text, const std::string& media_type,
                             const std::string& name, const LoadRequest& request) {
  RCRT_ASSIGN(const Json json, parse_object(manifest_text, "manifest"));
  RCRT_ASSIGN(const Manifest manifest, parse_manifest(json));
  RCRT_ASSIGN(std::string config, read_checked(files, manifest.config, path_of(manifest.config.digest)));
  RCRT_ASSIGN(
      const auto intake,
      ImageIntake::begin(store, {std::move(manifest_text), media_type, std::move(config)}, request.limits));
  ProgressBoard board(request.progress);
  intake->show_on(board);
  Json descriptor;
  RCRT_TRY(board.report_beside([&]() -> Result<void> {
    RCRT_ASSIGN(descriptor, feed_all(*intake, files, path_of));
    return {};
  }));
  RCRT_TRY(store.tag(descriptor, name));
  return LoadedImage{name, intake->image_id(), descriptor.value("digest", "")};
}

// What the layout calls the image. A bare tag ("latest", as skopeo and umoci write it) says
// nothing of where the image is from.
std::string name_of(const Json& entry) {
  const Json annotations = entry.value("annotations", Json::object());
  if (!annotations.is_object()) return {};
  auto text = [&](const char* member) {
    auto it = annotations.find(member);
    return it != annotations.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  std::string name = text(kContainerdName);
  if (name.empty()) name = text(kRefName);
  if (name.empty()) return {};
  if (name.find('/') == name.npos && name.find(':') == name.npos) name = "localhost/" + name;
  auto normalized = normalize_reference(name);
  return normalized ? *normalized : std::string();
}

bool is_meant(const Json& entry, const Descriptor& descriptor, const std::string& reference) {
  if (reference.empty() || descriptor.name == reference || descriptor.digest == reference) return true;
  const std::string name = name_of(entry);
  return !name.empty() && name == image_key(reference);
}

Result<std::vector<LoadedImage>> load_entry(const Store& store, const ImageFiles& files,
                                            Descriptor descriptor, const std::string& name,
                                            const LoadRequest& request) {
  for (int depth = 0; is_index_type(descriptor.media_type); ++depth) {
    if (depth == kDeepestIndex) return error("indexes within indexes", descriptor.digest, {}, EBADMSG);
    RCRT_ASSIGN(const std::string text, read_checked(files, descriptor, layout_path(descriptor.digest)));
    RCRT_ASSIGN(const Json json, parse_object(text, descriptor.digest));
    RCRT_ASSIGN(const auto entries, parse_index(json));
    const Descriptor* mine = for_this_machine(entries);
    // An index that only points to another.
    if (mine == nullptr && entries.size() == 1 &&
        (is_index_type(entries[0].media_type) || entries[0].os.empty()))
      mine = &entries[0];
    if (mine == nullptr)
      return error("no image for this machine in the index", descriptor.digest, {}, ENOENT);
    descriptor = Descriptor(*mine);
  }
  RCRT_ASSIGN(std::string text, read_checked(files, descriptor, layout_path(descriptor.digest)));
  RCRT_ASSIGN(LoadedImage image,
              load_one(store, files, layout_path, std::move(text), descriptor.media_type, name, request));
  if (request.loaded) request.loaded(image);
  return std::vector{std::move(image)};
}

}  // namespace

Result<std::vector<LoadedImage>> load_layout(const Store& store, const ImageFiles& files,
                                             const LoadRequest& request) {
  const std::string& reference = request.source.reference;
  if (!files.has("oci-layout"))
    return error("not an OCI image layout", request.source.path, "it has no oci-layout", EBADMSG);
  RCRT_ASSIGN(const std::string text, files.read("index.json"));
  RCRT_ASSIGN(const Json index, parse_object(text, "index.json"));
  RCRT_TRY(parse_index(index));
  std::vector<std::pair<Descriptor, std::string>> meant;
  for (const Json& entry : index["manifests"]) {
    auto descriptor = parse_descriptor(entry);
    if (descriptor && is_meant(entry, *descriptor, reference))
      meant.emplace_back(std::move(*descriptor), name_of(entry));
  }
  if (meant.empty())
    return reference.empty() ? error("no image in", request.source.path, {}, ENOENT)
                             : error("no such image in " + request.source.path, reference, {}, ENOENT);
  if (!request.name.empty() && meant.size() > 1)
    return error("several images in", request.source.path, "say which one, after another colon", EINVAL);
  std::vector<LoadedImage> images;
  for (auto& [descriptor, name] : meant) {
    RCRT_ASSIGN(auto loaded, load_entry(store, files, std::move(descriptor),
                                        request.name.empty() ? name : request.name, request));
    images.insert(images.end(), loaded.begin(), loaded.end());
  }
  return images;
}

Result<std::vector<LoadedImage>> load_dir(const Store& store, const ImageFiles& files,
                                          const LoadRequest& request) {
  RCRT_ASSIGN(std::string text, files.read("manifest.json"));
  RCRT_ASSIGN(Json json, parse_object(text, "manifest.json"));
  if (json.contains("manifests")) {
    RCRT_ASSIGN(const auto entries, parse_index(json));
    const Descriptor* const mine = for_this_machine(entries);
    if (mine == nullptr) return error("no image for this machine in", request.source.path, {}, ENOENT);
    RCRT_ASSIGN(text, read_checked(files, *mine, dir_path(mine->digest) + ".manifest.json"));
    RCRT_ASSIGN(json, parse_object(text, mine->digest));
  }
  std::string type = "application/vnd.oci.image.manifest.v1+json";
  if (auto said = json.find("mediaType"); said != json.end() && said->is_string())
    type = said->get<std::string>();
  RCRT_ASSIGN(LoadedImage image,
              load_one(store, files, dir_path, std::move(text), type, request.name, request));
  if (request.loaded) request.loaded(image);
  return std::vector{std::move(image)};
}

}  // namespace rcrt::image_oci
