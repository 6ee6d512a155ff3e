// SPDX-License-Identifier: MIT
// The way of a container from options to a running process: resolve, prepare, commit.
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <rcrt/isolation.h>
#include <rcrt/network.h>
#include <rcrt/storage.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/fault.h"
#include "core/defaults.h"
#include "core/engine.h"
#include "core/files.h"
#include "core/process.h"
#include "core/spec_builder.h"

namespace rcrt {
namespace {

constexpr char kPublishing[] = "publishing needs a network such as --net=bridge";

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

Json isolation_request(const RunOptions& options, const Json& spec, const Paths& paths,
                       const std::string& id) {
  return {{"container", id},
          {"cgroup_path", spec["linux"]["cgroupsPath"]},
          {"resources", spec["linux"]["resources"]},
          {"capabilities", spec["process"]["capabilities"]["bounding"]},
          {"privileged", options.privileged},
          {"security_opt", options.security_opt},
          {"no_new_privileges", spec["process"]["noNewPrivileges"]},
          {"cache_dir", paths.cache()}};
}

Json storage_request(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                     const std::string& layers_dir, const std::string& id) {
  Json request = {{"container", id},
                  {"dir", paths.container(id) + "/storage"},
                  // Layers get mount points made in them first; the launcher makes the root read-only.
                  {"read_only", options.read_only && !resolved.source.empty()},
                  {"volatile", options.remove},
                  {"options", options.storage_options}};
  if (resolved.source.empty()) {
    request["layers_dir"] = layers_dir;
    request["layers"] = resolved.layers;
  } else {
    request["source"] = resolved.source;
  }
  return request;
}

Json ports_json(const std::vector<PublishedPort>& ports) {
  Json list = Json::array();
  for (const auto& port : ports)
    list.push_back({{"host_ip", port.host_ip},
                    {"host_port", port.host_port},
                    {"container_port", port.container_port},
                    {"protocol", port.protocol}});
  return list;
}

// Empty: what an attached container that is removed at once writes goes to its client only.
std::string log_path(const RunOptions& options, const Paths& paths, const std::string& id) {
  return options.detach || !options.remove ? paths.container(id) + "/container.log" : "";
}

// config.json: what the container is, for inspect, for undo, for later starts.
Json container_config(const RunOptions& options, const Resolved& resolved, const Paths& paths,
                      const std::string& id, const std::string& name, const Json& spec,
                      const std::string& layers_dir, const Json& volumes) {
  std::string signal =
      options.stop_signal.empty() ? resolved.image_config.value("StopSignal", "") : options.stop_signal;
  Json labels = resolved.image_config.value("Labels", Json::object());
  if (!labels.is_object()) labels = Json::object();
  for (const auto& label : options.labels) {
    auto equals = label.find('=');
    labels[label.substr(0, equals)] = equals == std::string::npos ? "" : label.substr(equals + 1);
  }
  return {{"id", id},
          {"name", name},
          {"created", now_ns()},
          {"image", options.image},
          {"imageName", resolved.image_name},
          {"imageId", resolved.image_id},
          {"spec", spec},
          {"user", options.user.empty() ? resolved.image_config.value("User", "") : options.user},
          {"labels", labels},
          {"autoRemove", options.remove},
          {"interactive", options.interactive},
          {"privileged", options.privileged},
          {"init", options.init},
          {"stopSignal", signal.empty() ? "SIGTERM" : signal},
          {"stopTimeout", options.stop_timeout},
          {"volumes", volumes},
          {"storage", options.storage},
          {"storageRequest", storage_request(options, resolved, paths, layers_dir, id)},
          {"isolation", options.isolation},
          {"pluginFolders", paths.plugin_folders},
          {"networks", options.networks},
          {"ports", ports_json(options.ports)},
          {"ip", options.ip},
          {"ip6", options.ip6},
          {"mac", options.mac},
          {"etcFolder", resolved.etc_folder},
          {"hostNetwork", resolved.host_network},
          {"hostname", options.hostname.empty() ? id.substr(0, 12) : options.hostname},
          {"domainname", options.domainname},
          {"addHost", options.add_host},
          {"dns", options.dns},
          {"dnsSearch", options.dns_search},
          {"dnsOptions", options.dns_options},
          {"securityOpt", options.security_opt},
          {"capAdd", options.cap_add},
          {"capDrop", options.cap_drop},
          {"logPath", log_path(options, paths, id)}};
}

// A new folder; the first time, those it and its like need are made, its own last.
Result<void> make_folder_in(const std::string& path, const std::vector<std::string>& needed) {
  if (mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != ENOENT) return errno_error("cannot make folder", path);
  for (const std::string& folder : needed) RCRT_TRY(make_folders(folder));
  if (mkdir(path.c_str(), 0700) != 0) return errno_error("cannot make folder", path);
  return {};
}

Result<void> make_bind_sources(const RunOptions& options) {
  for (const auto& mount : options.mounts) {
    if (mount.type != "bind" || access(mount.source.c_str(), F_OK) == 0) continue;
    if (!mount.create_source)
      return error("mount source does not exist", mount.source, "create it first", ENOENT);
    for (size_t slash = 1; slash != std::string::npos;) {
      slash = mount.source.find('/', slash + 1);
      std::string part = mount.source.substr(0, slash);
      if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST)
        return errno_error("cannot make mount source", part);
    }
  }
  return {};
}

}  // namespace

// One run in the making. Destroyed before finish(), it rolls everything back.
class Creation {
 public:
  Creation(Engine& engine, RunOptions options, const PullPolicy& policy)
      : engine_(engine), options_(std::move(options)), policy_(policy) {}
  ~Creation() {
    if (id_.empty() || done_) return;
    volumes_.clear();   // before anybody, the monitor too, removes those without a name
    launcher_.reset();  // the monitor kills the half-made container
    lock_.reset();
    // With its volumes: a start that failed in the container has an exit record as one that ran has.
    if (auto result = engine_.clean_up(id_, true, true, true); !result)
      engine_.log_(
          RCRT_LOG_WARNING, "rcrt",
          "roll-back is not complete, `rcrt system recover` retries it: " + result.error().message());
  }

  // Completes options_ by what is found out.
  Result<Resolved> resolve(Engine::Missing missing = Engine::Missing::import);
  Result<Json> explain();
  Result<Running> run();

 private:
  Result<void> join_namespaces();
  Result<void> join_network(Resolved& resolved, const std::string& mode);
  Result<void> record();   // folders, lock, journal, name
  Result<void> specify();  // the OCI configuration, but for the user
  Result<void> prepare_isolation();
  void drop_capabilities(const Json& names, const std::string& plugin);
  Result<void> prepare_storage();
  Result<void> no_devices_in_root();
  Result<void> prepare_volumes();
  Result<void> configure();     // the user, whom files in the root tell of; files to mount
  Result<void> write_config();  // config.json
  Result<void> launch();
  Result<void> attach_networks();
  Result<void> write_state(const char* status);
  Result<void> write_etc_files();
  Result<void> journal(const char* step, const std::string& plugin, Json request);

  void use_etc_files(SpecInput& input) const;
  UniqueFd with_users() const;  // where a root that is not made yet has its /etc/passwd

  const Paths& paths() const { return engine_.paths_; }
  std::string state_file(const char* name) const { return paths().container_state(id_) + "/" + name; }

  Engine& engine_;
  RunOptions options_;
  const PullPolicy& policy_;
  Resolved resolved_;
  std::string id_, name_;
  std::optional<ContainerLock> lock_;
  std::optional<Journal> journal_;
  std::optional<Launcher> launcher_;
  ContainerProcess* process_ = nullptr;
  UniqueFd root_, cgroup_, seccomp_;
  std::vector<UniqueFd> volumes_;  // held until config.json says that they are used
  std::vector<std::string> seccomp_flags_;
  Json spec_, config_;
  Json contributed_ = Json::object();  // what isolation plugins add to the specification
  Json attached_ = Json::array();      // {"name","plugin","index","request","result"} of each network
  int64_t started_at_ = 0;
  bool nodev_ = false;  // an isolation plugin wants no device nodes in the root
  bool done_ = false;
};

// "container:NAME" becomes the path of a namespace.
Result<void> Creation::join_namespaces() {
  for (auto [mode, ns] :
       {std::pair{&options_.pid_mode, "pid"}, {&options_.ipc_mode, "ipc"}, {&options_.uts_mode, "uts"}}) {
    if (!mode->starts_with("container:")) continue;
    RCRT_ASSIGN(*mode, engine_.resolve_namespace_mode(*mode, ns));
  }
  return {};
}

// The other container's network, with its host name and the files of its /etc.
Result<void> Creation::join_network(Resolved& resolved, const std::string& mode) {
  const RunOptions& o = options_;
  if (!o.hostname.empty() || !o.domainname.empty() || !o.add_host.empty() || !o.dns.empty() ||
      !o.dns_search.empty() || !o.dns_options.empty() || !o.ports.empty() || !o.ip.empty() ||
      !o.ip6.empty() || !o.mac.empty())
    return error("conflicting options with network", mode,
                 "names, addresses, DNS and ports are those of the other container", EINVAL);
  RCRT_ASSIGN(Container other, engine_.running_container(mode));
  RCRT_ASSIGN(std::string path, engine_.resolve_namespace_mode(mode, "net"));
  resolved.network_path = path.substr(strlen("path:"));
  resolved.etc_folder = other.config.value("etcFolder", "");
  if (resolved.etc_folder.empty()) resolved.etc_folder = paths().container_state(other.id);
  options_.hostname = other.config.value("hostname", "");
  options_.domainname = other.config.value("domainname", "");
  return {};
}

Result<Resolved> Creation::resolve(Engine::Missing missing) {
  Resolved resolved;
  RCRT_TRY(join_namespaces());
  RCRT_ASSIGN(resolved.source,
              engine_.storage_source(options_.storage, options_.image, options_.storage_options));
  if (resolved.source.empty()) {
    RCRT_ASSIGN(Image image, missing == Engine::Missing::describe
                                 ? engine_.find_image(options_.image, missing)
                                 : engine_.find_image(options_.image, policy_));
    if (auto it = image.config.find("config"); it != image.config.end() && it->is_object())
      resolved.image_config = *it;
    resolved.image_name = image.name;
    resolved.image_id = image.id;
    resolved.layers = std::move(image.layers);
  }
  bool joins = false;
  RCRT_TRY(engine_.choose_volumes(options_.mounts, resolved.image_config));
  for (const auto& name : options_.networks) {
    if (std::ranges::count(options_.networks, name) > 1)
      return error("network is named twice", name, "once is enough", EINVAL);
    if (name.starts_with("container:")) {
      if (options_.networks.size() == 1) RCRT_TRY(join_network(resolved, name));
      joins = true;
      continue;
    }
    RCRT_ASSIGN(NetworkChoice network, engine_.find_network(name));
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->plan, "plan", {{"network", network.config}}));
    if (reply.result.value("host", false))
      resolved.host_network = true;
    else
      resolved.networks.push_back(std::move(network));
  }
  if (options_.networks.size() > 1 && (resolved.host_network || joins))
    return error("conflicting networks", "", "host and container:NAME cannot be combined with others",
                 EINVAL);
  if (!options_.ports.empty() && resolved.networks.empty())
    return error("cannot publish ports on network", options_.networks[0], kPublishing, EINVAL);
  if (resolved.host_network && options_.hostname.empty()) {
    char name[HOST_NAME_MAX + 1] = {};
    if (gethostname(name, sizeof name - 1) == 0) options_.hostname = name;
  }
  return resolved;
}

void Creation::use_etc_files(SpecInput& input) const {
  std::string folder =
      resolved_.etc_folder.empty() ? paths().container_state(input.id) : resolved_.etc_folder;
  input.hosts_file = folder + "/hosts";
  input.hostname_file = folder + "/hostname";
  input.resolv_file = folder + "/resolv.conf";
}

UniqueFd Creation::with_users() const {
  if (!resolved_.source.empty())
    return UniqueFd(open(resolved_.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const auto& layer : resolved_.layers) {
    std::string path = engine_.images_.layers_dir() + "/" + layer;
    UniqueFd folder(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder && faccessat(folder.get(), "etc/passwd", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return folder;
  }
  return {};
}

Result<Json> Creation::explain() {
  RCRT_ASSIGN(resolved_, resolve(Engine::Missing::describe));
  std::string id = "<id>";
  SpecInput input;
  input.id = id;
  input.image_config = resolved_.image_config;
  input.host_network = resolved_.host_network;
  input.network_path = resolved_.network_path;
  std::string user = options_.user.empty() ? input.image_config.value("User", "") : options_.user;
  UniqueFd root = with_users();
  auto runs_as = resolve_user(root.get(), user, options_.groups);
  if (!runs_as && !root) runs_as.error().hint = "its root is not there yet to look into: give numbers";
  if (!runs_as) return std::unexpected(runs_as.error());
  use_etc_files(input);
  RCRT_ASSIGN(Json spec, build_spec(options_, input));
  set_user(spec, *runs_as);
  Json config = container_config(options_, resolved_, paths(), id, options_.name, spec,
                                 engine_.images_.layers_dir(), Engine::volumes_json(options_.mounts));
  Json plugins = Json::array();
  RCRT_ASSIGN(const Plugin* storage, engine_.plugins_.load("storage", options_.storage));
  plugins.push_back(
      {{"plugin", "storage-" + options_.storage},
       {"file", storage->path()},
       {"request", storage_request(options_, resolved_, paths(), engine_.images_.layers_dir(), id)}});
  for (const auto& name : options_.isolation) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("isolation", name));
    plugins.push_back({{"plugin", "isolation-" + name},
                       {"file", plugin->path()},
                       {"request", isolation_request(options_, spec, paths(), id)}});
  }
  int index = 0;
  for (const auto& network : resolved_.networks) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    Json request = engine_.network_request(config, network, index, "eth" + std::to_string(index));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->plan, "plan", request));
    plugins.push_back({{"plugin", "net-" + network.plugin},
                       {"file", plugin->path()},
                       {"request", request},
                       {"plan", reply.result}});
    ++index;
  }
  Json image = {{"name", resolved_.image_name}, {"id", resolved_.image_id}};
  if (resolved_.image_id.empty())
    image = {{"name", resolved_.image_name}, {"import", paths().embedded_image()}};
  if (!resolved_.source.empty()) image = {{"source", resolved_.source}};
  return Json{
      {"image", image}, {"spec", spec}, {"cgroup", spec["linux"]["cgroupsPath"]}, {"plugins", plugins}};
}

Result<void> Creation::journal(const char* step, const std::string& plugin, Json request) {
  fault_point("journal");
  RCRT_TRY(journal_->append({step, plugin, std::move(request)}));
  fault_point(step);
  return {};
}

Result<void> Creation::record() {
  if (!options_.name.empty()) {
    RCRT_TRY(check_name(options_.name));
    // A dead owner of the name is rolled back first.
    if (std::string owner = engine_.containers_.name_owner(options_.name); !owner.empty()) {
      if (auto container = engine_.containers_.load(owner);
          container && container->exit && container->auto_remove())
        engine_.wait_for_clean_up(*container, 10'000);
      RCRT_TRY(engine_.recover_one(owner));
    }
  }
  RCRT_ASSIGN(std::string id, new_id());
  fault_point("before folders");
  RCRT_TRY(make_folder_in(paths().container(id), {paths().names(), paths().cache(), paths().containers()}));
  id_ = id;  // from here on the destructor rolls back
  fault_point("data folder");
  RCRT_ASSIGN(ContainerLock lock, ContainerLock::acquire(paths(), id_, ContainerLock::Mode::exclusive));
  lock_ = std::move(lock);
  fault_point("lock");
  RCRT_TRY(make_folder_in(paths().container_state(id_),
                          {paths().state + "/networks", paths().state + "/containers"}));
  fault_point("state folder");
  RCRT_ASSIGN(Journal opened, Journal::open(paths().container_state(id_)));
  journal_ = std::move(opened);
  name_ = options_.name.empty() ? generated_name(id_) : options_.name;
  RCRT_TRY(journal("name", "", {{"name", name_}, {"plugin_folders", paths().plugin_folders}}));
  RCRT_TRY(engine_.containers_.take_name(name_, id_));
  fault_point("named");
  return {};
}

Result<void> Creation::prepare_storage() {
  RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("storage", options_.storage));
  Json request = storage_request(options_, resolved_, paths(), engine_.images_.layers_dir(), id_);
  RCRT_TRY(journal("storage", options_.storage, request));
  const auto* table = plugin->get<rcrt_storage_v1>(RCRT_STORAGE_V1);
  RCRT_ASSIGN(PluginReply reply, plugin->call(table->prepare, "prepare", request));
  root_ = reply.take("root");
  if (!root_) return error("plugin gave no root", plugin->path(), "report it to the plugin's author");
  if (nodev_) RCRT_TRY(no_devices_in_root());
  fault_point("storage prepared");
  return {};
}

Result<void> Creation::prepare_volumes() {
  Json volumes = Engine::volumes_json(options_.mounts);
  if (volumes.empty()) return {};
  RCRT_TRY(journal("volumes", "", {{"volumes", volumes}}));
  RCRT_ASSIGN(volumes_, engine_.make_volumes(options_.mounts, root_.get()));
  return {};
}

Result<void> Creation::specify() {
  SpecInput input;
  input.id = id_;
  input.image_config = resolved_.image_config;
  input.host_network = resolved_.host_network;
  input.network_path = resolved_.network_path;
  use_etc_files(input);
  RCRT_ASSIGN(spec_, build_spec(options_, input));
  return {};
}

Result<void> Creation::configure() {
  std::string user = options_.user.empty() ? resolved_.image_config.value("User", "") : options_.user;
  RCRT_ASSIGN(User runs_as, resolve_user(root_.get(), user, options_.groups));
  set_user(spec_, runs_as);
  RCRT_TRY(make_bind_sources(options_));
  if (!resolved_.etc_folder.empty()) return {};  // another container's
  for (const char* name : {"hostname", "hosts", "resolv.conf"})
    RCRT_TRY(overwrite_file(state_file(name), ""));
  fault_point("etc files made");
  return {};
}

Result<void> Creation::write_config() {
  config_ = container_config(options_, resolved_, paths(), id_, name_, spec_, engine_.images_.layers_dir(),
                             Engine::volumes_json(options_.mounts));
  RCRT_TRY(write_file(paths().container(id_) + "/config.json", config_.dump(),
                      options_.remove ? Durable::no : Durable::yes));
  volumes_.clear();
  fault_point("config written");
  return {};
}

Result<void> Creation::write_etc_files() {
  if (!resolved_.etc_folder.empty()) return {};
  RCRT_TRY(overwrite_file(state_file("hostname"), config_.value("hostname", "") + "\n"));
  RCRT_TRY(overwrite_file(state_file("hosts"), hosts_text(config_, attached_)));
  RCRT_TRY(overwrite_file(state_file("resolv.conf"), resolv_text(config_, attached_)));
  fault_point("etc files");
  return {};
}

void Creation::drop_capabilities(const Json& names, const std::string& plugin) {
  for (const auto& name : names) {
    if (!name.is_string()) continue;
    if (options_.privileged || asks_for_capability(options_.cap_add, name.get<std::string>())) {
      engine_.log_(RCRT_LOG_WARNING, "rcrt",
                   name.get<std::string>() + " was asked for, but cannot be confined here (" + plugin +
                       "): the container can reach the host's devices with it");
      continue;
    }
    for (auto& [set, held] : spec_["process"]["capabilities"].items())
      held.erase(std::remove(held.begin(), held.end(), name), held.end());
  }
}

Result<void> Creation::no_devices_in_root() {
  if (options_.privileged) return {};
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NODEV;
  if (syscall(SYS_mount_setattr, root_.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
              sizeof attributes) != 0)
    return errno_error("cannot forbid device nodes in the root");
  return {};
}

Result<void> Creation::prepare_isolation() {
  for (const auto& name : options_.isolation) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("isolation", name));
    Json request = isolation_request(options_, spec_, paths(), id_);
    const auto* table = plugin->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
    // One without an inverse makes nothing that outlives us.
    if (table->release != nullptr) RCRT_TRY(journal("isolation", name, request));
    RCRT_ASSIGN(PluginReply reply, plugin->call(table->prepare, "prepare", request));
    if (UniqueFd fd = reply.take("cgroup")) {
      cgroup_ = std::move(fd);
      // Its namespaces are made while the rest is prepared.
      RCRT_TRY(launcher_->clone(spec_, cgroup_.get()));
    }
    if (UniqueFd fd = reply.take("seccomp")) seccomp_ = std::move(fd);
    for (auto [part, member] :
         {std::pair{"linux", "maskedPaths"}, {"linux", "readonlyPaths"}, {"process", "rlimits"}})
      if (auto it = reply.result.find(member); it != reply.result.end() && it->is_array())
        for (const auto& item : *it) contributed_[part][member].push_back(item);
    drop_capabilities(reply.result.value("dropCapabilities", Json::array()), plugin->path());
    nodev_ = nodev_ || reply.result.value("nodev", false);
    if (auto it = reply.result.find("seccompFlags"); it != reply.result.end() && it->is_array())
      for (const auto& flag : *it)
        if (flag.is_string()) seccomp_flags_.push_back(flag.get<std::string>());
    fault_point("isolation prepared");
  }
  return cgroup_ ? Result<void>() : launcher_->clone(spec_, -1);
}

Result<void> Creation::launch() {
  LaunchRequest request;
  request.id = id_;
  request.spec = spec_;
  for (const auto& [part, members] : contributed_.items())
    for (const auto& [member, items] : members.items())
      for (const auto& item : items) request.spec[part][member].push_back(item);
  request.root = std::move(root_);
  request.cgroup = std::move(cgroup_);
  request.seccomp = std::move(seccomp_);
  request.seccomp_flags = seccomp_flags_;
  request.attached = !options_.detach;
  request.remove = options_.remove;
  if (!options_.detach) request.stdio = {options_.interactive ? 0 : -1, 1, 2};
  request.log_path = log_path(options_, paths(), id_);
  request.work_dir = paths().container_state(id_);
  request.exit_path = paths().container(id_) + "/exit.json";
  request.init = options_.init;
  std::string networks;
  for (const auto& network : resolved_.networks) {
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    if (plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1)->idle == nullptr) continue;
    networks += (networks.empty() ? "" : ",") + network.plugin;
  }
  request.cleanup_command = {paths().program, "--root", paths().root, "--state", paths().state};
  for (const auto& folder : paths().plugin_folders) {
    request.cleanup_command.push_back("--plugin-dir");
    request.cleanup_command.push_back(folder);
  }
  for (const char* word : {"system", "cleanup"}) request.cleanup_command.push_back(word);
  if (!networks.empty()) request.cleanup_command.push_back("--idle=" + networks);
  request.cleanup_command.push_back(id_);
  fault_point("before commit");
  auto process = launcher_->commit(std::move(request));
  if (!process) return std::unexpected(process.error());
  process_ = *process;
  fault_point("committed");
  return {};
}

Result<void> Creation::attach_networks() {
  int index = 0;
  for (const auto& network : resolved_.networks) {
    Json request = engine_.network_request(config_, network, index, "eth" + std::to_string(index));
    RCRT_ASSIGN(const Plugin* plugin, engine_.plugins_.load("net", network.plugin));
    const auto* table = plugin->get<rcrt_network_v1>(RCRT_NETWORK_V1);
    if (table->detach != nullptr) RCRT_TRY(journal("network", network.plugin, request));
    RCRT_ASSIGN(Json result, engine_.attach_network(network, request, process_->netns.get()));
    fault_point("network attached");
    if (request["ports"].size() > result.value("ports", Json::array()).size())
      return error("cannot publish ports on network", network.name, kPublishing, EINVAL);
    attached_.push_back({{"name", network.name},
                         {"plugin", network.plugin},
                         {"index", index},
                         {"request", std::move(request)},
                         {"result", std::move(result)}});
    ++index;
  }
  return {};
}

Result<void> Creation::write_state(const char* status) {
  Json state = {{"status", status},
                {"bootId", boot_id()},
                {"pid", process_->pid},
                {"startTime", process_->start_time},
                {"monitorPid", process_->monitor_pid},
                {"monitorStartTime", process_->monitor_start_time},
                {"startedAt", started_at_},
                {"networks", attached_}};
  RCRT_TRY(write_file(state_file("state.json"), state.dump()));
  fault_point("state written");
  return {};
}

Result<Running> Creation::run() {
  RCRT_ASSIGN(resolved_, resolve());
  RCRT_ASSIGN(Launcher launcher, Launcher::start(paths().monitor()));
  launcher_ = std::move(launcher);
  RCRT_TRY(record());
  RCRT_TRY(specify());
  RCRT_TRY(prepare_isolation());
  RCRT_TRY(prepare_storage());
  RCRT_TRY(prepare_volumes());
  RCRT_TRY(configure());
  RCRT_TRY(launch());
  // The process is on its way through its mounts: what it does not need is done beside it.
  RCRT_TRY(write_config());
  RCRT_TRY(attach_networks());
  RCRT_TRY(write_etc_files());
  started_at_ = now_ns();
  RCRT_TRY(write_state("running"));
  RCRT_TRY(launcher_->go());
  fault_point("started");
  RCRT_TRY(journal("started", "", Json::object()));
  if (!options_.cid_file.empty()) RCRT_TRY(write_file(options_.cid_file, id_, Durable::no, 0644));
  done_ = true;
  lock_.reset();
  return Running{id_, std::move(*launcher_), std::move(process_->pidfd), config_.value("logPath", "")};
}

Result<Json> Engine::explain(const RunOptions& options) {
  PullPolicy nothing_new;
  nothing_new.when = PullPolicy::never;
  return Creation(*this, options, nothing_new).explain();
}

Result<Running> Engine::start(const RunOptions& options, const PullPolicy& policy) {
  return Creation(*this, options, policy).run();
}

}  // namespace rcrt
