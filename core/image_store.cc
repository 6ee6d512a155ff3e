// SPDX-License-Identifier: MIT
#include "core/image_store.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>

#include "base/image_index.h"
#include "base/oci_store.h"

namespace rcrt {
namespace {

constexpr size_t kLinkName = 7;
constexpr size_t kShortestPrefix = 4;
constexpr const char* kMakeImageHint = "see `rcrt images`, or make it with `rcrt import ROOTFS.tar NAME`";

// The short link to layers/<hex>. Its name is seven digits of the hex, from wherever in
// it they collide with no other layer's: see image-oci, which makes it.
Result<std::string> find_link(const std::string& root, const std::string& hex) {
  const std::string wanted = "../" + hex;
  for (size_t at = 0; at + kLinkName <= hex.size(); ++at) {
    std::string link = "l/" + hex.substr(at, kLinkName);
    char target[PATH_MAX];
    const ssize_t n = readlink((root + "/layers/" + link).c_str(), target, sizeof target);
    if (n >= 0 && std::string_view(target, static_cast<size_t>(n)) == wanted) return link;
  }
  return error("layer not unpacked", "sha256:" + hex, "import the image again", ENODATA);
}

// The hex digits of an id or a prefix of one; empty when the reference is no id.
std::string id_prefix(const std::string& reference) {
  const bool qualified = reference.starts_with("sha256:");
  std::string hex = qualified ? reference.substr(7) : reference;
  if (hex.size() < kShortestPrefix || hex.size() > 64) return {};
  const bool good =
      std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return good ? hex : std::string();
}

std::unexpected<Error> no_such_image(const std::string& reference) {
  return error("no such image", reference, kMakeImageHint, ENOENT);
}

// The repository of a normalised reference: without tag and digest.
std::string repository(const std::string& name) {
  const std::string tagged = name.substr(0, name.find('@'));
  const size_t slash = tagged.rfind('/');
  return tagged.substr(0, tagged.find(':', slash == std::string::npos ? 0 : slash));
}

// The entry meant by name, else by id.
Result<ImageEntry> find_entry(const ImageNames& names, const std::string& reference) {
  const auto normalized = normalize_reference(reference);
  if (auto entry = names.find(normalized ? *normalized : reference)) return std::move(*entry);
  if (normalized) {
    if (const size_t at = normalized->find('@'); at != std::string::npos) {
      const std::string digest = normalized->substr(at + 1);
      for (ImageEntry& entry : names.named(repository(*normalized)))
        if (entry.digest == digest || entry.descriptor.digest == digest) return std::move(entry);
    }
  }
  const std::string prefix = id_prefix(reference);
  if (prefix.empty()) {
    if (!normalized) return std::unexpected(normalized.error());
    return no_such_image(reference);
  }
  std::vector<ImageEntry> found = names.with_id(prefix);
  if (found.empty()) {
    // A damaged image has no id; it can be removed all the same.
    for (ImageEntry& entry : names.all())
      if (entry.descriptor.digest == "sha256:" + prefix) return std::move(entry);
    return no_such_image(reference);
  }
  for (const ImageEntry& entry : found)
    if (entry.id != found.front().id)
      return error("ambiguous image id", reference, "give more digits", EINVAL);
  return std::move(found.front());
}

Result<ImageNames> load_names(const std::string& root) {
  auto images = open_images(root);
  if (!images && images.error().code == ENOENT) return ImageNames::none();
  if (!images) return std::unexpected(images.error());
  return ImageNames::load(images->get());
}

Result<Image> read_image(const std::string& root, const ImageEntry& entry) {
  RCRT_ASSIGN(const UniqueFd images, open_images(root));
  RCRT_ASSIGN(MachineManifest found, read_machine_manifest(images.get(), entry.descriptor));
  Image image;
  image.name = entry.descriptor.name;
  image.digest = found.descriptor.digest;
  image.id = found.manifest.config.digest;
  RCRT_ASSIGN(image.config, read_store_document(images.get(), found.manifest.config));
  RCRT_ASSIGN(image.diff_ids, parse_diff_ids(image.config));
  if (image.diff_ids.size() != found.manifest.layers.size())
    return error("manifest and configuration disagree about the layers", image.digest, {}, EBADMSG);
  image.blobs = std::move(found.manifest.layers);
  return image;
}

Result<void> add_layers(const std::string& root, Image& image) {
  for (auto hex = image.diff_ids.rbegin(); hex != image.diff_ids.rend(); ++hex) {
    RCRT_ASSIGN(std::string link, find_link(root, *hex));
    image.layers.push_back(std::move(link));
  }
  return {};
}

}  // namespace

ImageStore::ImageStore(std::string root) : root_(std::move(root)) {}

std::string ImageStore::layers_dir() const { return root_ + "/layers"; }

Result<ImageEntry> ImageStore::find(const std::string& reference) const {
  RCRT_ASSIGN(const ImageNames names, load_names(root_));
  return find_entry(names, reference);
}

Result<Image> ImageStore::read(const std::string& reference) const {
  RCRT_ASSIGN(const ImageEntry entry, find(reference));
  auto image = read_image(root_, entry);
  if (!image) return wrap(image.error(), "cannot use image", reference);
  return image;
}

Result<Image> ImageStore::resolve(const std::string& reference) const {
  RCRT_ASSIGN(Image image, read(reference));
  if (auto added = add_layers(root_, image); !added)
    return wrap(added.error(), "cannot use image", reference);
  return image;
}

bool ImageStore::lacks_layers(const std::string& reference) const {
  auto image = read(reference);
  return image && !add_layers(root_, *image);
}

Result<std::vector<ImageEntry>> ImageStore::list() const {
  RCRT_ASSIGN(const ImageNames names, load_names(root_));
  return names.all();
}

Result<std::vector<ImageEntry>> ImageStore::named(const std::string& name) const {
  RCRT_ASSIGN(const ImageNames names, load_names(root_));
  std::vector<ImageEntry> found;
  for (const char* omitted : {"", "docker.io/", "docker.io/library/"}) {
    std::vector<ImageEntry> more = names.named(omitted + name);
    std::ranges::move(more, std::back_inserter(found));
  }
  return found;
}

Result<std::vector<ImageEntry>> ImageStore::with_id(const std::string& id) const {
  RCRT_ASSIGN(const ImageNames names, load_names(root_));
  return names.with_id(id.substr(id.find(':') + 1));
}

Result<Json> ImageStore::configuration(const ImageEntry& entry) const {
  RCRT_ASSIGN(const Image image, read_image(root_, entry));
  return image.config;
}

Result<void> ImageStore::change_index(
    const std::function<Result<void>(Json& index, int images)>& change) const {
  RCRT_ASSIGN(const UniqueFd images, open_images(root_));
  RCRT_ASSIGN(const UniqueFd lock, lock_image_index(images.get()));
  RCRT_ASSIGN(Json index, read_image_index(images.get()));
  RCRT_TRY(change(index, images.get()));
  return write_image_index(images.get(), index);
}

Result<void> ImageStore::tag(const std::string& reference, const std::string& name) const {
  RCRT_TRY(find(reference));
  return change_index([&](Json& index, int images) -> Result<void> {
    RCRT_ASSIGN(const ImageNames names, ImageNames::load(images));
    RCRT_ASSIGN(const ImageEntry entry, find_entry(names, reference));
    for (const Json& member : index["manifests"])
      if (auto other = parse_descriptor(member);
          other && other->digest == entry.descriptor.digest && other->name == entry.descriptor.name) {
        name_image(index, Json(member), name);
        return {};
      }
    return no_such_image(reference);
  });
}

Result<void> ImageStore::untag(const std::string& reference, bool keep) const {
  RCRT_TRY(find(reference));
  return change_index([&](Json& index, int images) -> Result<void> {
    RCRT_ASSIGN(const ImageNames names, ImageNames::load(images));
    RCRT_ASSIGN(const ImageEntry entry, find_entry(names, reference));
    Json last;
    drop_images(index, [&](const Json& member) {
      auto other = parse_descriptor(member);
      if (!other || other->digest != entry.descriptor.digest || other->name != entry.descriptor.name)
        return false;
      last = member;
      return true;
    });
    if (keep && !last.is_null()) name_image(index, last, "");
    return {};
  });
}

Result<void> ImageStore::forget(const std::string& id) const {
  RCRT_TRY(find(id));
  return change_index([&](Json& index, int images) -> Result<void> {
    RCRT_ASSIGN(const ImageNames names, ImageNames::load(images));
    const auto entries = names.with_id(id.substr(id.find(':') + 1));
    drop_images(index, [&](const Json& member) {
      auto other = parse_descriptor(member);
      return other && std::ranges::any_of(entries, [&](const ImageEntry& entry) {
               return entry.descriptor.digest == other->digest && entry.descriptor.name == other->name;
             });
    });
    return {};
  });
}

}  // namespace rcrt
