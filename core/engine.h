// SPDX-License-Identifier: MIT
// The engine: what the verbs of rcrt do, on the plugins, the launcher and the records on
// disk. Libraries return errors; only cli/ prints.
#pragma once

#include <rcrt/image.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/image_source.h"
#include "base/result.h"
#include "core/container.h"
#include "core/image_store.h"
#include "core/journal.h"
#include "core/launcher.h"
#include "core/paths.h"
#include "core/plugin_host.h"
#include "core/registry_options.h"
#include "core/run_options.h"
#include "core/users.h"
#include "core/volumes.h"

namespace rcrt {

// A network as a container's --net names it.
struct NetworkChoice {
  std::string name;    // "bridge"
  std::string plugin;  // "bridge"
  Json config;         // "network" member of plugin requests
};

// What `rmi` has done.
struct RemovedImage {
  std::vector<std::string> names;  // that are no more
  std::string id;                  // of the image that is no more; empty when it has other names
};

struct PrunedImages {
  std::vector<RemovedImage> removed;
  uint64_t freed = 0;  // bytes
};

struct LoadedImage {
  std::string name;  // may be empty
  std::string id, digest;
};

struct CommitOptions {
  std::string name, author, message;
  bool pause = true;
  std::vector<std::string> changes;  // instructions of a Dockerfile
};

// What takes how much room, in bytes.
struct DiskUsage {
  struct OfImage {
    ImageEntry entry;
    uint64_t size = 0, unique = 0;  // with and without what it shares with others
    size_t containers = 0;
  };
  struct OfContainer {
    Container container;
    uint64_t size = 0;
  };
  std::vector<OfImage> images;
  uint64_t images_size = 0, images_reclaimable = 0;
  std::vector<OfContainer> containers;
  struct OfVolume {
    std::string name;
    uint64_t size = 0;
    size_t containers = 0;
  };
  std::vector<OfVolume> volumes;
};

// The client that starts a container.
struct Client {
  bool attached = false, interactive = false;
  unsigned rows = 0, columns = 0;  // of its terminal
};

// How a container that has ended is cleaned up.
struct CleanUp {
  bool remove = false;        // also one that would be kept
  bool kill = false;          // one that runs is killed first
  bool with_volumes = false;  // anonymous volumes of one that would be kept go too
  bool give_up = false;       // what a plugin cannot undo is left behind, with a warning
  int patience_ms = -1;       // for whoever has the container in hand; -1: as long as it takes
};

// A container that has been started by this process.
struct Running {
  std::string id;
  Launcher launcher;
  UniqueFd pidfd;
  std::string log_path;      // with a terminal and a client, the client writes the log; may be empty
  bool interactive = false;  // the client's input goes to the terminal
  bool gives_back = false;   // somebody may want at once what it has: a published port, an address
};

// When `run` pulls its image.
struct PullPolicy {
  enum When { missing, always, never } when = missing;
  PullOptions options;
  Plugin::ProgressSink progress;  // may be empty
};

class Engine {
 public:
  Engine(Paths paths, PluginHost::LogSink log);

  const Paths& paths() const { return paths_; }
  const ContainerStore& containers() const { return containers_; }
  const ImageStore& images() const { return images_; }
  VolumeStore& volumes() { return volumes_; }
  PluginHost& plugins() { return plugins_; }
  // What images may ask for, as include/rcrt/image.h has it: "ratio=500,entries=10000000".
  Result<void> set_image_limits(const std::string& text);

  // --- creation.cc
  // Called before a container's command is executed, from when on a signal to the client is one to the
  // container; and with false when it could not be.
  void set_handover(std::function<void(bool)> handover) { handover_ = std::move(handover); }
  // The plan of a run as JSON; changes nothing.
  Result<Json> explain(const RunOptions& options);
  // Creates and starts a container. On failure nothing is left.
  Result<Running> start(const RunOptions& options, const PullPolicy& policy = {});
  // Creates one that start() starts. Its id.
  Result<std::string> create(const RunOptions& options, const PullPolicy& policy = {});
  // Starts one that has been created or has ended. On failure it is as it was. EALREADY when it runs.
  Result<Running> start(const std::string& id, const Client& client);

  // --- engine_cleanup.cc
  // Undoes what a container that has ended left: runs its journal backwards, and removes
  // it when it is auto-removed, never got to run, or `how` says so. Idempotent; goes on
  // past failures and returns the first.
  // With a container that is auto-removed or never got to run its anonymous volumes go too.
  Result<void> clean_up(const std::string& id, const CleanUp& how = {});
  // Rolls back every half-made or dead container. Returns the ids it treated.
  Result<std::vector<std::string>> recover();
  // Whether a container is half made or dead, or left nothing but its name, and is in nobody's hands.
  // Calls no plugin and waits for nobody.
  Result<bool> needs_recovery(const std::string& id);
  // As recover(), for one container; nothing to do is success.
  Result<void> recover_one(const std::string& id);
  // Lets network plugins take down what no container uses any more, nor has used for so long.
  Result<void> idle_networks(const std::vector<std::string>& plugins, int quiet_ms = 0);
  // Network plugins that a container has left through this process, and that share objects
  // between containers: idle_networks() is due some time later.
  std::set<std::string>& left_networks() { return left_networks_; }

  // --- engine_control.cc
  Result<void> stop(const std::string& id, int timeout_seconds);
  Result<void> kill(const std::string& id, int signal);
  Result<void> remove(const std::string& id, bool force, bool with_volumes = false);
  // Blocks until the container has ended.
  Result<ExitRecord> wait(const std::string& id);
  // After stop or kill: until the clean-up is done too.
  void wait_for_clean_up(const Container& container, int timeout_ms);

  // --- engine_network.cc
  // ENOENT when nobody has described such a network and no plugin is called so.
  Result<NetworkChoice> find_network(const std::string& name);
  std::vector<NetworkChoice> networks() const;
  Result<void> connect(const std::string& network, const std::string& id);
  Result<void> disconnect(const std::string& network, const std::string& id);
  // Calls a function of a network plugin that concerns no single container: "teardown",
  // "reconcile", "backups", "restore", "status", "doctor", "idle".
  Result<Json> network_call(const std::string& plugin, const std::string& function,
                            Json request = Json::object());

  // --- engine_registry.cc
  // Fetches an image, or all tags of a repository, from a registry.
  Result<std::vector<PulledImage>> pull(const std::string& reference, const PullOptions& options,
                                        const Plugin::ProgressSink& progress);
  // Brings an image to a registry, under its own name or the one given. The manifest's digest.
  Result<std::string> push(const std::string& reference, const std::string& destination, int parallel,
                           const RegistryOptions& options, const Plugin::ProgressSink& progress);
  // The image, pulled as the policy says. The embedded one is never missing.
  Result<Image> find_image(const std::string& reference, const PullPolicy& policy);
  Result<void> login(const std::string& registry, const std::string& username, const std::string& password,
                     const RegistryOptions& options);
  // False when there were no credentials to forget.
  Result<bool> logout(const std::string& registry, const RegistryOptions& options);

  // --- engine_images.cc
  // The image. The embedded one is imported at first use, or only described: without id and layers.
  enum class Missing { import, describe };
  Result<Image> find_image(const std::string& reference, Missing missing = Missing::import);
  // What the word in the image's place means to a storage plugin with sources of its own; empty
  // when the plugin takes images. Changes nothing.
  Result<std::string> storage_source(const std::string& storage, const std::string& word,
                                     const Json& options);
  // From a file or folder, or the archive in a descriptor (borrowed) if there is one.
  Result<std::string> import(const std::string& source, int from, const std::string& name,
                             const Json& config);
  Result<void> unpack(const std::string& name, const std::string& directory);
  // By name, that name; by id, the image. With the last name the image goes, unless a container
  // uses it and `force` is not set.
  Result<RemovedImage> remove_image(const std::string& reference, bool force);
  // Deletes what no image and no container needs; bytes. EWOULDBLOCK when another process is
  // adding images and `wait` is not set.
  Result<uint64_t> collect_images(bool wait);
  // Removes images without a name, with `all` every image, that no container uses; and what
  // nothing needs.
  Result<PrunedImages> prune_images(bool all, const std::function<bool(const ImageEntry&)>& filter = {});
  // Names of containers made from the image.
  std::vector<std::string> image_users(const std::string& image_id) const;

  // --- engine_archives.cc
  // From "oci:DIR" and the like, a file or folder of any form, or the archive in a descriptor
  // (borrowed). With a name, the one image in it is called so.
  Result<std::vector<LoadedImage>> load(const std::string& source, int from, const std::string& name,
                                        const Plugin::ProgressSink& progress = {});
  // Names stay, ids have none. To a descriptor (borrowed) in place of the destination's path if
  // there is one.
  Result<void> save(const std::vector<std::string>& references, const ImageSource& destination, int to,
                    const Plugin::ProgressSink& progress = {});
  // { "blobs", "layers", "bytes", "problems": [ { "what", "object", "images" } ] }. All images
  // without references.
  Result<Json> verify_images(const std::vector<std::string>& references, bool trees,
                             const Plugin::ProgressSink& progress = {});
  // [ { "path", "kind": "A", "C" or "D" } ].
  Result<Json> diff(const std::string& id);
  // The container's root as a tar archive.
  Result<void> export_container(const std::string& id, int out);
  // The new image's id.
  Result<std::string> commit(const std::string& id, const CommitOptions& options);

  // --- engine_usage.cc
  DiskUsage disk_usage();
  // Bytes that the container takes beside its image; nothing where that cannot be found out.
  uint64_t container_size(const Container& container);

  // --- engine_volumes.cc
  // Containers that have the volume, running or not.
  std::vector<std::string> volume_users(const std::string& volume) const;
  // EBUSY when a container has it.
  Result<void> remove_volume(const std::string& name);

 private:
  friend class Creation;

  // Makes mounts of other containers the options' own, where there is none at their place.
  Result<void> take_volumes_from(RunOptions& options) const;
  // Adds the image's volumes to the mounts, names those without a name, and makes binds of all.
  Result<void> choose_volumes(std::vector<BindMount>& mounts, const Json& image_config) const;
  // Makes those that are missing; fills fresh ones from the root. They cannot be removed while
  // the descriptors are open.
  Result<std::vector<UniqueFd>> make_volumes(const std::vector<BindMount>& mounts, int root, Owner owner);
  // As they are in config.json.
  static Json volumes_json(const std::vector<BindMount>& mounts);
  // Of a container that is being removed; `used` as in config.json.
  Result<void> remove_anonymous_volumes(const Json& used, const std::string& id);
  struct ImagePlugin {
    const Plugin* plugin;
    const rcrt_image_v1* table;
  };
  Result<ImagePlugin> image_plugin();
  // Until the descriptor is closed: while it is shared nothing of the store is deleted, so that an
  // image stays until config.json says what its container needs; exclusive is for who deletes.
  // EWOULDBLOCK when somebody else has it and `wait` is not set.
  enum class Hold { shared, exclusive };
  Result<UniqueFd> hold_images(Hold hold, bool wait = true) const;
  // Hex of the unpacked layers that containers stand on.
  Result<std::set<std::string>> layers_in_use() const;
  Result<PluginReply> storage_diff(const Container& container);
  // Stops or continues every process of a running container.
  Result<void> freeze(const std::string& id, bool frozen);

  // As configured, or with a plugin that has its name and may not be there.
  Result<NetworkChoice> read_network(const std::string& name) const;
  Json network_request(const Json& config, const NetworkChoice& network, int index,
                       const std::string& interface) const;
  Result<Json> attach_network(const NetworkChoice& network, const Json& request, int netns);
  Result<void> undo_step(const JournalEntry& entry, bool remove);
  void use_plugins_of(const Container& container, const std::vector<JournalEntry>& entries = {});
  std::vector<std::string> names_of(const std::string& id) const;
  bool is_lost(const JournalEntry& entry);
  Result<void> kill_in_plugin(const JournalEntry& entry);
  Result<void> kill_leftovers(const Container& container, const std::vector<JournalEntry>& entries,
                              bool give_up);
  // The container of "container:NAME".
  Result<Container> running_container(const std::string& mode) const;
  Result<std::string> resolve_namespace_mode(const std::string& mode, const char* ns) const;

  Paths paths_;
  PluginHost::LogSink log_;
  PluginHost plugins_;
  ContainerStore containers_;
  ImageStore images_;
  VolumeStore volumes_;
  Json image_limits_ = Json::object();
  std::set<std::string> left_networks_;
  std::function<void(bool)> handover_;
};

// /etc/hosts and /etc/resolv.conf of a container, from its configuration and the results
// of its networks' attach.
bool leads_out(const Json& networks);   // some network has a gateway
bool says_names(const Json& networks);  // some network has an address or name servers
std::string hosts_text(const Json& config, const Json& networks);
std::string resolv_text(const Json& config, const Json& networks);

}  // namespace rcrt
