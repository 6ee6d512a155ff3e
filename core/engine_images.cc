// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <limits.h>
#include <rcrt/image.h>
#include <rcrt/storage.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <set>

#include "base/image_index.h"
#include "base/oci_store.h"
#include "core/defaults.h"
#include "core/engine.h"
#include "core/files.h"

namespace rcrt {
namespace {

constexpr char kImagePlugin[] = "oci";
constexpr char kEmbeddedName[] = "docker.io/library/busybox:latest";

// Whether a reference is of another kind than a name, and names an archive or folder.
Result<bool> is_outside(const std::string& reference) {
  RCRT_ASSIGN(const auto source, parse_image_source(reference));
  return source && source->transport != ImageSource::Transport::registry;
}

}  // namespace

Result<Engine::ImagePlugin> Engine::image_plugin() {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  return ImagePlugin{plugin, plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1)};
}

Result<void> Engine::set_image_limits(const std::string& text) {
  static const std::set<std::string> kKnown = {"entries",      "path_bytes",  "file_bytes",
                                               "total_bytes",  "ratio",       "ratio_free_bytes",
                                               "window_bytes", "xattr_bytes", "directory_bytes"};
  for (const std::string& pair : split_words(text, ',')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string name = pair.substr(0, equals);
    if (equals == std::string::npos || !kKnown.contains(name))
      return error(
          "unknown limit of images", pair,
          "known: entries, path_bytes, file_bytes, total_bytes, ratio, ratio_free_bytes, window_bytes, "
          "xattr_bytes, directory_bytes",
          EINVAL);
    RCRT_ASSIGN(const int64_t value, parse_size(pair.substr(equals + 1)));
    image_limits_[name] = value;
  }
  return {};
}

Result<Image> Engine::find_image(const std::string& reference, Missing missing) {
  RCRT_ASSIGN(const bool outside, is_outside(reference));
  if (outside) {
    if (missing == Missing::describe)
      return error("cannot look into an archive without loading it", reference, "`rcrt load` it first",
                   ENOTSUP);
    RCRT_ASSIGN(const auto loaded, load(reference, -1, ""));
    if (loaded.size() > 1 && loaded.front().id != loaded.back().id)
      return error("several images in", reference, "say which one, after another colon", EINVAL);
    return images_.resolve(loaded.front().id);
  }
  auto image = images_.resolve(reference);
  if (image) return image;
  if (image.error().code != ENOENT) {
    // Another tool may have put it into the store.
    if (missing == Missing::describe || !images_.lacks_layers(reference)) return image;
    RCRT_ASSIGN(const Image there, images_.read(reference));
    RCRT_ASSIGN(const ImagePlugin plugin, image_plugin());
    if (plugin.table->prepare == nullptr) return image;
    RCRT_TRY(plugin.plugin->call(plugin.table->prepare, "prepare",
                                 {{"root", paths_.root}, {"name", there.id}, {"limits", image_limits_}}));
    return images_.resolve(reference);
  }
  auto name = normalize_reference(reference);
  if (!name || *name != kEmbeddedName) return image;
  Json config = {{"Cmd", {"sh"}}, {"Env", {std::string("PATH=") + kDefaultPath}}};
  if (missing == Missing::describe) {
    Image planned;
    planned.name = kEmbeddedName;
    planned.config = {{"config", config}};
    return planned;
  }
  RCRT_TRY(import(paths_.embedded_image(), -1, kEmbeddedName, config));
  return images_.resolve(reference);
}

Result<std::string> Engine::storage_source(const std::string& storage, const std::string& word,
                                           const Json& options) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("storage", storage));
  const auto* table = plugin->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  if (table->source == nullptr) return std::string();
  RCRT_ASSIGN(PluginReply reply,
              plugin->call(table->source, "source", {{"word", word}, {"options", options}}));
  if (auto it = reply.result.find("source"); it != reply.result.end()) {
    if (it->is_string() && !it->get_ref<const std::string&>().empty()) return it->get<std::string>();
    return error("plugin gave no source", plugin->path(), "report it to the plugin's author");
  }
  char* real = realpath(word.c_str(), nullptr);
  if (real == nullptr)
    return errno_error("cannot use as a root", word,
                       "with --storage=" + storage + " a path stands in the image's place");
  std::string source = real;
  free(real);
  return source;
}

Result<std::string> Engine::import(const std::string& source, int from, const std::string& name,
                                   const Json& config) {
  RCRT_ASSIGN(std::string full, normalize_reference(name));
  std::string path = source;
  std::vector<rcrt_fd> fds;
  if (from >= 0) {
    fds.push_back({"in", from});
  } else {
    RCRT_ASSIGN(path, absolute_path(source));
  }
  RCRT_TRY(make_folders(paths_.root));
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  RCRT_ASSIGN(PluginReply reply, image.plugin->call(image.table->import, "import",
                                                    {{"root", paths_.root},
                                                     {"source", path},
                                                     {"name", full},
                                                     {"config", config},
                                                     {"limits", image_limits_}},
                                                    fds));
  return reply.result.value("id", "");
}

Result<void> Engine::unpack(const std::string& name, const std::string& directory) {
  RCRT_ASSIGN(Image image, find_image(name));
  RCRT_ASSIGN(std::string to, absolute_path(directory));
  RCRT_ASSIGN(const ImagePlugin plugin, image_plugin());
  RCRT_TRY(plugin.plugin->call(
      plugin.table->unpack, "unpack",
      {{"root", paths_.root}, {"name", image.id}, {"directory", to}, {"limits", image_limits_}}));
  return {};
}

Result<UniqueFd> Engine::hold_images(Hold hold, bool wait) const {
  const std::string path = images_.layers_dir();
  RCRT_TRY(make_folders(path));
  const UniqueFd layers(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!layers) return errno_error("cannot open the image store", path);
  return lock_file(layers.get(), ".lock", (hold == Hold::shared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB));
}

Result<std::set<std::string>> Engine::layers_in_use() const {
  std::set<std::string> layers;
  for (const auto& id : containers_.ids()) {
    const auto config = read_json(paths_.container(id) + "/config.json");
    if (!config && config.error().code == ENOENT) continue;  // it holds the store, or has never been
    if (!config) return wrap(config.error(), "cannot tell which layers a container needs", id);
    const Json request = config->value("storageRequest", Json::object());
    for (const auto& link : request.value("layers", Json::array())) {
      if (!link.is_string()) continue;
      char target[PATH_MAX];
      const std::string path = images_.layers_dir() + "/" + link.get<std::string>();
      const ssize_t size = readlink(path.c_str(), target, sizeof target);
      const std::string_view text(target, size < 0 ? 0 : static_cast<size_t>(size));
      if (text.starts_with("../")) layers.emplace(text.substr(3));
    }
  }
  return layers;
}

std::vector<std::string> Engine::image_users(const std::string& image_id) const {
  std::vector<std::string> names;
  for (const auto& id : containers_.ids())
    if (auto container = containers_.load(id);
        container && container->config.value("imageId", "") == image_id)
      names.push_back(container->name());
  return names;
}

Result<uint64_t> Engine::collect_images(bool wait) {
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  auto held = hold_images(Hold::exclusive, wait);
  // Others are quick, unless they fetch something large.
  for (int tries = 0; !held && held.error().code == EWOULDBLOCK && tries < 20; ++tries) {
    usleep(50'000);
    held = hold_images(Hold::exclusive, wait);
  }
  if (!held) return std::unexpected(held.error());
  // No container can come to need anything from here on.
  RCRT_ASSIGN(const auto layers, layers_in_use());
  RCRT_ASSIGN(const PluginReply reply,
              image.plugin->call(image.table->prune, "prune", {{"root", paths_.root}, {"keep", layers}}));
  return reply.result.value("freed", uint64_t{0});
}

Result<PrunedImages> Engine::prune_images(bool all, const std::function<bool(const ImageEntry&)>& filter) {
  PrunedImages pruned;
  RCRT_ASSIGN(const auto entries, images_.list());
  std::set<std::string> used, done;
  for (const auto& id : containers_.ids())
    if (auto container = containers_.load(id)) used.insert(container->config.value("imageId", ""));
  for (const ImageEntry& entry : entries) {
    if (entry.id.empty() || used.contains(entry.id) || done.contains(entry.id)) continue;
    if (!all && !entry.key.empty()) continue;
    if (filter && !filter(entry)) continue;
    RemovedImage removed;
    removed.id = entry.id;
    for (const ImageEntry& other : entries)
      if (other.id == entry.id && !other.descriptor.name.empty())
        removed.names.push_back(other.descriptor.name);
    if (!all && !removed.names.empty()) continue;
    if (auto forgotten = images_.forget(entry.id); !forgotten && forgotten.error().code != ENOENT)
      return std::unexpected(forgotten.error());
    done.insert(entry.id);
    pruned.removed.push_back(std::move(removed));
  }
  RCRT_ASSIGN(pruned.freed, collect_images(true));
  return pruned;
}

Result<RemovedImage> Engine::remove_image(const std::string& reference, bool force) {
  RCRT_ASSIGN(const ImageEntry entry, images_.find(reference));
  std::vector<ImageEntry> same;
  if (!entry.id.empty()) {
    RCRT_ASSIGN(same, images_.with_id(entry.id));
  }
  const bool by_name = !entry.key.empty() && entry.key == image_key(reference);
  std::vector<std::string> names;
  for (const ImageEntry& other : same)
    if (!other.descriptor.name.empty()) names.push_back(other.descriptor.name);
  if (!by_name && names.size() > 1 && !force)
    return error("image has several names", reference, "remove them one by one, or use --force", EBUSY);
  const bool last = !by_name || same.size() <= 1;
  if (last && !entry.id.empty() && !force)
    if (const auto users = image_users(entry.id); !users.empty())
      return error("image is used by container " + users.front(), reference, "remove the container first",
                   EBUSY);

  RemovedImage removed;
  if (by_name || entry.id.empty()) {
    RCRT_TRY(images_.untag(reference, false));
    if (!entry.descriptor.name.empty()) removed.names.push_back(entry.descriptor.name);
  } else {
    RCRT_TRY(images_.forget(entry.id));
    removed.names = std::move(names);
  }
  if (!last) return removed;
  removed.id = entry.id.empty() ? entry.descriptor.digest : entry.id;
  auto collected = collect_images(false);
  if (!collected && collected.error().code == EWOULDBLOCK)
    log_(RCRT_LOG_WARNING, "rcrt",
         "another rcrt is adding images: the space is freed by the next `rcrt rmi` or `rcrt image prune`");
  else if (!collected)
    return std::unexpected(collected.error());
  return removed;
}

}  // namespace rcrt
