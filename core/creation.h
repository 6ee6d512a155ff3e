// SPDX-License-Identifier: MIT
// The way of a container from options to a running process: resolve, prepare, commit.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"
#include "core/spec_builder.h"

namespace rcrt {

inline constexpr char kPublishing[] = "publishing needs a network such as --net=bridge";

// What is known before anything is made.
struct Resolved {
  Json image_config = Json::object();  // image-spec "config"
  std::string image_name, image_id;
  std::vector<std::string> layers;
  std::string source;  // the storage plugin's own, instead of layers
  std::vector<NetworkChoice> networks;
  bool host_network = false;
  std::string network_path;  // of another container, with the files of its /etc
  std::string etc_folder;
};

// What plugins are asked.
Json isolation_request(const RunOptions& options, const Json& spec, const Paths& paths,
                       const std::string& id);
Json storage_request(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                     const std::string& layers_dir, const std::string& id);

// Empty: what an attached container that is removed at once writes goes to its client only.
std::string log_path(const RunOptions& options, const Paths& paths, const std::string& id);
// config.json: what the container is, for inspect, for undo, for later starts.
Json container_config(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                      const std::string& id, const std::string& name, Json spec,
                      const std::string& layers_dir, Json volumes);

// One run in the making. Destroyed before run(), create() or start() has succeeded, it rolls everything
// back.
class Creation {
 public:
  Creation(Engine& engine, RunOptions options, const PullPolicy& policy)
      : engine_(engine), options_(std::move(options)), policy_(policy) {}
  ~Creation();

  // Completes options_ by what is found out.
  Result<Resolved> resolve(Engine::Missing missing = Engine::Missing::import);
  Result<Json> explain();
  Result<Running> run();
  // All but the process and what is for it alone.
  Result<std::string> create();
  // The process of a container that is there; the options are those of its record.
  Result<Running> start(const Container& container);

 private:
  Result<void> resolve_image(Resolved& resolved, Engine::Missing missing);
  Result<void> resolve_networks(Resolved& resolved);
  Result<void> check_cid_file() const;
  Result<void> start_launcher();
  Result<void> prepare_root();
  Result<Running> execute();  // from isolation to the command
  Result<void> take_up(const Container& container);
  Result<void> join_namespaces();
  Result<void> join_network(Resolved& resolved, const std::string& mode);
  Result<void> expose_ports(const Json& image_config);
  uint64_t likely_namespaces() const;
  Result<void> record();   // folders, lock, journal, name
  Result<void> specify();  // the OCI configuration, but for the user
  Result<void> prepare_isolation();
  Result<void> contribute(const Json& result, const Plugin& plugin);
  void drop_capabilities(const Json& names, const std::string& plugin);
  Result<void> begin_storage();  // in a thread of its own
  Result<void> finish_storage();
  Result<void> prepare_storage(const Plugin& plugin, const Json& request);
  Result<void> map_root(int user_namespace) const;
  Result<void> no_devices_in_root();
  Result<void> prepare_volumes();
  Result<void> make_bind_sources() const;
  Result<void> configure();     // the user, whom files in the root tell of; files to mount
  Result<void> write_config();  // config.json
  Result<void> launch();
  Result<void> attach_networks();
  Result<void> write_state(const char* status);
  Result<void> write_etc_files();
  Result<void> journal(const char* step, const std::string& plugin, const Json& request);

  Owner root_user() const;  // the container's root, as the host knows it

  void use_etc_files(SpecInput& input) const;
  UniqueFd with_users() const;  // where a root that is not made yet has its /etc/passwd

  const Paths& paths() const { return engine_.paths_; }
  std::string state_file(const char* name) const { return paths().container_state(id_) + "/" + name; }

  Engine& engine_;
  RunOptions options_;
  const PullPolicy& policy_;
  Resolved resolved_;
  bool keep_ = !options_.remove;  // it may be started later
  Json kept_;                     // for that: "options", "imageConfig", "created"
  bool again_ = false;            // it was there before, and stays
  std::string id_, name_;
  std::optional<ContainerLock> lock_;
  std::optional<Journal> journal_;
  std::optional<Launcher> launcher_;
  ContainerProcess* process_ = nullptr;
  UniqueFd root_, cgroup_, seccomp_;
  std::vector<UniqueFd> volumes_;  // held until config.json says that they are used
  UniqueFd images_;                // the same of the image's layers
  std::vector<std::string> seccomp_flags_;
  Json spec_, config_;
  Json contributed_ = Json::object();  // what isolation plugins add to the specification
  Json attached_ = Json::array();      // {"name","plugin","index","request","result"} of each network
  int64_t started_at_ = 0;
  bool nodev_ = false;  // an isolation plugin wants no device nodes in the root
  bool done_ = false;
  std::future<Result<void>> storage_;  // of begin_storage(); nothing else uses what it does
  std::jthread storage_thread_;
};

}  // namespace rcrt
