// SPDX-License-Identifier: MIT
// Images in and out of archives and folders, and containers as images and archives.
#include <fcntl.h>
#include <rcrt/image.h>
#include <rcrt/isolation.h>
#include <rcrt/storage.h>
#include <unistd.h>

#include "base/undo.h"
#include "core/engine.h"
#include "core/environment.h"
#include "core/files.h"
#include "core/instructions.h"

namespace rcrt {
namespace {

Json strings_of(const Json& object, const char* member) {
  auto it = object.find(member);
  return it != object.end() && it->is_array() ? *it : Json::array();
}

// The image's configuration as the container's options changed it.
Json config_of(const Container& container, const Json& image_config) {
  Json config = image_config.is_object() ? image_config : Json::object();
  const Json asked = container.config.value("asked", Json::object());
  if (auto entrypoint = asked.find("entrypoint"); entrypoint != asked.end() && entrypoint->is_array()) {
    config["Entrypoint"] = *entrypoint;
    config.erase("Cmd");
  }
  if (const Json args = strings_of(asked, "args"); !args.empty()) config["Cmd"] = args;
  Json env = strings_of(config, "Env");
  for (const Json& pair : strings_of(asked, "env"))
    if (pair.is_string()) set_variable(env, pair.get<std::string>());
  if (!env.empty()) config["Env"] = env;
  if (const std::string workdir = asked.value("workdir", ""); !workdir.empty())
    config["WorkingDir"] = workdir;
  if (const std::string user = container.config.value("user", ""); !user.empty()) config["User"] = user;
  if (const Json labels = container.config.value("labels", Json::object()); !labels.empty())
    config["Labels"] = labels;
  return config;
}

}  // namespace

Result<std::vector<LoadedImage>> Engine::load(const std::string& source, int from, const std::string& name,
                                              const Plugin::ProgressSink& progress) {
  Json request = {{"root", paths_.root}, {"source", Json::object()}, {"limits", image_limits_}};
  std::vector<rcrt_fd> fds;
  if (from >= 0) {
    fds.push_back({"in", from});
  } else {
    RCRT_ASSIGN(const auto parsed, parse_image_source(source));
    RCRT_ASSIGN(const std::string path, absolute_path(parsed ? parsed->path : source));
    request["source"] = {{"path", path}};
    if (parsed) {
      request["source"]["transport"] = transport_name(parsed->transport);
      request["source"]["reference"] = parsed->reference;
    }
  }
  if (!name.empty()) {
    RCRT_ASSIGN(request["name"], normalize_reference(name));
  }
  RCRT_TRY(make_folders(paths_.root));
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  RCRT_ASSIGN(PluginReply reply, image.plugin->call(image.table->load, "load", request, fds, progress));
  std::vector<LoadedImage> loaded;
  for (const Json& entry : strings_of(reply.result, "images"))
    loaded.push_back({entry.value("name", ""), entry.value("id", ""), entry.value("digest", "")});
  if (loaded.empty()) return error("plugin loaded no image", image.plugin->path(), "report it to its author");
  return loaded;
}

Result<void> Engine::save(const std::vector<std::string>& references, const ImageSource& destination, int to,
                          const Plugin::ProgressSink& progress) {
  Json images = Json::array();
  for (const std::string& reference : references) {
    RCRT_ASSIGN(const ImageEntry entry, images_.find(reference));
    if (entry.id.empty()) return error("damaged image", reference, "see `rcrt image verify`", EBADMSG);
    const bool by_name = !entry.key.empty() && entry.key == image_key(reference);
    images.push_back(by_name ? entry.descriptor.name : entry.id);
  }
  std::string path;
  if (to < 0) {
    RCRT_ASSIGN(path, absolute_path(destination.path));
  }
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  RCRT_TRY(image.plugin->call(image.table->save, "save",
                              {{"root", paths_.root},
                               {"images", images},
                               {"limits", image_limits_},
                               {"destination",
                                {{"transport", transport_name(destination.transport)},
                                 {"path", path},
                                 {"reference", destination.reference}}}},
                              to < 0 ? std::vector<rcrt_fd>() : std::vector<rcrt_fd>{{"out", to}}, progress));
  return {};
}

Result<Json> Engine::verify_images(const std::vector<std::string>& references, bool trees,
                                   const Plugin::ProgressSink& progress) {
  Json images = Json::array();
  for (const std::string& reference : references) {
    RCRT_ASSIGN(const ImageEntry entry, images_.find(reference));
    images.push_back(entry.descriptor.name.empty() ? entry.id : entry.descriptor.name);
  }
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  RCRT_ASSIGN(PluginReply reply,
              image.plugin->call(
                  image.table->verify, "verify",
                  {{"root", paths_.root}, {"images", images}, {"trees", trees}, {"limits", image_limits_}},
                  {}, progress));
  return std::move(reply.result);
}

Result<PluginReply> Engine::storage_diff(const Container& container) {
  use_plugins_of(container);
  RCRT_ASSIGN(const Plugin* storage, plugins_.load("storage", container.config.value("storage", "")));
  const auto* table = storage->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  if (table->diff == nullptr)
    return error("storage plugin does not know what a container has changed", storage->path(),
                 "use --storage=overlay", ENOTSUP);
  return storage->call(table->diff, "diff", container.config.value("storageRequest", Json::object()));
}

Result<Json> Engine::diff(const std::string& id) {
  RCRT_ASSIGN(const Container container, containers_.load(id));
  RCRT_ASSIGN(const PluginReply reply, storage_diff(container));
  return strings_of(reply.result, "changes");
}

Result<void> Engine::freeze(const std::string& id, bool frozen) {
  RCRT_ASSIGN(const auto entries, Journal::read(paths_.container_state(id)));
  for (const auto& entry : entries) {
    if (entry.step != "isolation") continue;
    RCRT_ASSIGN(const Plugin* plugin, plugins_.load("isolation", entry.plugin));
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    Json request = entry.request;
    request["frozen"] = frozen;
    RCRT_TRY(plugin->call(table->freeze, "freeze", request));
  }
  return {};
}

Result<void> Engine::export_container(const std::string& id, int out) {
  RCRT_ASSIGN(const Container container, containers_.load(id));
  RCRT_ASSIGN(const ImagePlugin image, image_plugin());
  if (image.table->archive == nullptr)
    return error("image plugin cannot make archives", image.plugin->path());
  UniqueFd root;
  // A running container's root is reached through its process, any other's is mounted again.
  const UniqueFd process = container.open_process();
  if (process) {
    const std::string path = "/proc/" + std::to_string(container.pid()) + "/root";
    root.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root || !container.open_process())
      return errno_error("cannot open the container's root", container.name());
    RCRT_TRY(image.plugin->call(image.table->archive, "archive", {{"changing", true}},
                                {{"root", root.get()}, {"out", out}}));
    return {};
  }
  auto lock = ContainerLock::acquire(paths_, id, ContainerLock::Mode::exclusive);
  if (!lock) return std::unexpected(lock.error());
  use_plugins_of(container);
  const Json request = container.config.value("storageRequest", Json::object());
  RCRT_ASSIGN(const Plugin* storage, plugins_.load("storage", container.config.value("storage", "")));
  const auto* table = storage->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  RCRT_ASSIGN(PluginReply prepared, storage->call(table->prepare, "prepare", request));
  root = prepared.take("root");
  auto archived = image.plugin->call(image.table->archive, "archive", Json::object(),
                                     {{"root", root.get()}, {"out", out}});
  root.reset();
  auto released = storage->call(table->release, "release", request);
  if (!archived) return std::unexpected(archived.error());
  if (!released) return std::unexpected(released.error());
  return {};
}

Result<std::string> Engine::commit(const std::string& id, const CommitOptions& options) {
  RCRT_ASSIGN(const Container container, containers_.load(id));
  const std::string base = container.config.value("imageId", "");
  if (base.empty())
    return error("container was not made from an image", container.name(),
                 "use `rcrt export` and `rcrt import`", EINVAL);
  RCRT_ASSIGN(const Image image, images_.read(base));
  Json config = config_of(container, image.config.value("config", Json::object()));
  for (const std::string& change : options.changes) RCRT_TRY(apply_instruction(config, change));
  Json request = {{"root", paths_.root},        {"base", base},
                  {"config", config},           {"author", options.author},
                  {"comment", options.message}, {"limits", image_limits_}};
  if (!options.name.empty()) {
    RCRT_ASSIGN(request["name"], normalize_reference(options.name));
  }
  std::string command;
  for (const Json& word :
       strings_of(container.config.value("spec", Json::object()).value("process", Json::object()), "args"))
    command += (command.empty() ? "" : " ") + word.get<std::string>();
  request["created_by"] = command;

  Undo thaw;
  if (options.pause && container.open_process()) {
    RCRT_TRY(freeze(id, true));
    thaw.add([&] { (void)freeze(id, false); });
  }
  RCRT_ASSIGN(PluginReply changed, storage_diff(container));
  const UniqueFd changes = changed.take("changes");
  if (!changes)
    return error("storage plugin does not hand out a container's changes", container.name(), {}, ENOTSUP);
  RCRT_ASSIGN(const ImagePlugin plugin, image_plugin());
  if (plugin.table->commit == nullptr) return error("image plugin cannot commit", plugin.plugin->path());
  RCRT_ASSIGN(const PluginReply reply,
              plugin.plugin->call(plugin.table->commit, "commit", request, {{"changes", changes.get()}}));
  return reply.result.value("id", "");
}

}  // namespace rcrt
