// SPDX-License-Identifier: MIT
#include <rcrt/image.h>
#include <rcrt/storage.h>
#include <stdlib.h>

#include <set>

#include "core/defaults.h"
#include "core/engine.h"
#include "core/files.h"

namespace rcrt {
namespace {

constexpr char kImagePlugin[] = "oci";
constexpr char kEmbeddedName[] = "docker.io/library/busybox:latest";

}  // namespace

Result<Image> Engine::find_image(const std::string& reference, Missing missing) {
  auto image = images_.resolve(reference);
  if (image || image.error().code != ENOENT) return image;
  auto name = normalize_reference(reference);
  if (!name || *name != kEmbeddedName) return image;
  Json config = {{"Cmd", {"sh"}}, {"Env", {std::string("PATH=") + kDefaultPath}}};
  if (missing == Missing::describe) {
    Image planned;
    planned.name = kEmbeddedName;
    planned.config = {{"config", config}};
    return planned;
  }
  RCRT_TRY(import(paths_.embedded_image(), kEmbeddedName, config));
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

Result<std::string> Engine::import(const std::string& source, const std::string& name, const Json& config) {
  RCRT_ASSIGN(std::string full, normalize_reference(name));
  RCRT_ASSIGN(std::string from, absolute_path(source));
  RCRT_TRY(make_folders(paths_.root));
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  const auto* table = plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1);
  RCRT_ASSIGN(PluginReply reply,
              plugin->call(table->import, "import",
                           {{"root", paths_.root}, {"source", from}, {"name", full}, {"config", config}}));
  return reply.result.value("id", "");
}

Result<void> Engine::unpack(const std::string& name, const std::string& directory) {
  RCRT_ASSIGN(Image image, find_image(name));
  RCRT_ASSIGN(std::string to, absolute_path(directory));
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  const auto* table = plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1);
  RCRT_TRY(plugin->call(table->unpack, "unpack",
                        {{"root", paths_.root}, {"name", image.name}, {"directory", to}}));
  return {};
}

Result<void> Engine::remove_image(const std::string& reference, bool force) {
  RCRT_ASSIGN(Image image, images_.resolve(reference));
  std::set<std::string> kept;
  for (const auto& id : containers_.ids()) {
    auto container = containers_.load(id);
    if (!container || container->config.value("imageId", "") != image.id) continue;
    if (!force)
      return error("image is used by container " + container->name(), reference, "remove the container first",
                   EBUSY);
    // Its layers stay as long as the container needs them.
    kept.insert(image.diff_ids.begin(), image.diff_ids.end());
  }
  RCRT_TRY(images_.untag(image.name));
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  const auto* table = plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1);
  RCRT_TRY(plugin->call(table->prune, "prune", {{"root", paths_.root}, {"keep", kept}}));
  return {};
}

}  // namespace rcrt
