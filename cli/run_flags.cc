// SPDX-License-Identifier: MIT
#include "cli/run_flags.h"

#include <algorithm>
#include <charconv>

#include "base/path.h"
#include "cli/mentioned_options.h"
#include "core/files.h"
#include "core/terminal.h"

namespace rcrt::cli {
namespace {

Result<std::pair<std::string, std::string>> key_value(const char* flag, const std::string& text) {
  auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return error(std::string("invalid --") + flag, text, "write it as KEY=VALUE", EINVAL);
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

// "-e NAME" takes the caller's value; unset names are left out, as docker does.
Result<void> add_env(std::vector<std::string>& env, const std::string& word, const std::string& from) {
  if (word.empty() || word[0] == '=' || word.find_first_of(" \t") < word.find('='))
    return error("invalid environment variable in " + from, word, "write it as NAME=VALUE, or NAME", EINVAL);
  if (word.find('=') != std::string::npos) {
    env.push_back(word);
  } else if (const char* value = getenv(word.c_str())) {
    env.push_back(word + "=" + value);
  }
  return {};
}

// A program, or as podman has it, a JSON array of words; nothing is no entrypoint.
std::vector<std::string> entrypoint_of(const std::string& text) {
  if (text.empty()) return {};
  const Json words = Json::parse(text, nullptr, false);
  const bool list =
      words.is_array() && std::ranges::all_of(words, [](const Json& word) { return word.is_string(); });
  return list ? words.get<std::vector<std::string>>() : std::vector{text};
}

Result<std::vector<std::string>> lines_of(const std::string& path) {
  RCRT_ASSIGN(std::string text, read_file(path));
  std::vector<std::string> lines;
  for (auto& line : split_words(text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && line[0] != '#') lines.push_back(std::move(line));
  }
  return lines;
}

Result<void> namespace_flags(const CommandLine& line, RunOptions& options) {
  options.pid_mode = line.text("pid");
  options.ipc_mode = line.text("ipc");
  options.uts_mode = line.text("uts");
  options.cgroupns_mode = line.text("cgroupns");
  for (const auto& text : line.list("uidmap")) {
    RCRT_ASSIGN(IdMapping mapping, parse_id_mapping(text));
    options.uid_map.push_back(mapping);
  }
  for (const auto& text : line.list("gidmap")) {
    RCRT_ASSIGN(IdMapping mapping, parse_id_mapping(text));
    options.gid_map.push_back(mapping);
  }
  if (options.uid_map.empty()) options.uid_map = options.gid_map;
  if (options.gid_map.empty()) options.gid_map = options.uid_map;
  for (const auto* map : {&options.uid_map, &options.gid_map})
    if (!map->empty() && std::ranges::none_of(*map, [](const IdMapping& m) { return m.container == 0; }))
      return error("user or group 0 of the container is not mapped", "",
                   "add a mapping that begins with it, such as 0:100000:65536", EINVAL);
  std::string users = line.text("userns");
  if (!users.empty() && users != "host")
    return error("unknown mode for --userns", users, "use host, or map ids with --uidmap and --gidmap",
                 EINVAL);
  if (users == "host" && !options.uid_map.empty())
    return error("--userns=host excludes --uidmap and --gidmap", "", {}, EINVAL);
  for (const auto& text : line.list("time-offset")) {
    RCRT_ASSIGN(auto pair, key_value("time-offset", text));
    int64_t seconds = 0;
    auto [end, code] = std::from_chars(pair.second.data(), pair.second.data() + pair.second.size(), seconds);
    if ((pair.first != "monotonic" && pair.first != "boottime") || code != std::errc() ||
        end != pair.second.data() + pair.second.size())
      return error("invalid --time-offset", text, "write it as monotonic=SECONDS or boottime=SECONDS",
                   EINVAL);
    options.time_offsets[pair.first] = {{"secs", seconds}, {"nanosecs", 0}};
  }
  return {};
}

Result<void> mount_flags(const CommandLine& line, RunOptions& options) {
  for (const auto& text : line.list("volume")) {
    RCRT_ASSIGN(BindMount mount, parse_volume(text));
    options.mounts.push_back(std::move(mount));
  }
  for (const auto& text : line.list("mount")) {
    RCRT_ASSIGN(BindMount mount, parse_mount(text));
    options.mounts.push_back(std::move(mount));
  }
  for (const auto& text : line.list("tmpfs")) {
    RCRT_ASSIGN(BindMount mount, parse_tmpfs(text));
    options.mounts.push_back(std::move(mount));
  }
  options.volumes_from = line.list("volumes-from");
  if (line.has("shm-size")) {
    RCRT_ASSIGN(int64_t size, parse_size(line.text("shm-size")));
    options.shm_size = std::to_string(size);
  }
  return {};
}

// -a: which streams, all without.
Result<void> attach_flags(const CommandLine& line, RunOptions& options) {
  if (!line.has("attach")) return {};
  if (options.detach) return error("--attach and --detach exclude each other", "", {}, EINVAL);
  options.attach_in = options.interactive;
  options.attach_out = options.attach_err = false;
  for (std::string stream : line.list("attach")) {
    std::ranges::transform(stream, stream.begin(), [](unsigned char c) { return tolower(c); });
    if (stream == "stdin")
      options.interactive = options.attach_in = true;
    else if (stream == "stdout")
      options.attach_out = true;
    else if (stream == "stderr")
      options.attach_err = true;
    else
      return error("invalid --attach", stream, "stdin, stdout or stderr", EINVAL);
  }
  return {};
}

}  // namespace

po::options_description container_flags(const std::vector<std::string>& args) {
  po::options_description d;
  MentionedOptions add(d, args);
  add                                                                                                   //
      ("add-host", words("NAME:ADDRESS"), "another line for /etc/hosts")                                //
      ("annotation", words("KEY=VALUE"), "annotation of the OCI configuration")                         //
      ("blkio-weight", word("N"), "block I/O weight, 10 to 1000")                                       //
      ("blkio-weight-device", words("DEV:N"), "block I/O weight of a device")                           //
      ("cap-add", words("CAP"), "add a capability, or ALL")                                             //
      ("cap-drop", words("CAP"), "drop a capability, or ALL")                                           //
      ("authfile", word("FILE"), "registries' credentials, instead of the usual files")                 //
      ("cgroup-conf", words("KEY=VALUE"), "write a cgroup v2 file")                                     //
      ("cgroup-parent", word("PATH"), "make the container's cgroup below this one (/rcrt)")             //
      ("cgroupns", word("MODE"), "cgroup namespace: private or host")                                   //
      ("cidfile", word("FILE"), "write the container's id to a file")                                   //
      ("cpu-period", word("USEC"), "CPU period")                                                        //
      ("cpu-quota", word("USEC"), "CPU time in each period")                                            //
      ("cpu-shares", word("N"), "relative CPU weight, 2 to 262144")                                     //
      ("cpu-weight", word("N"), "cgroup v2 cpu.weight, 1 to 10000")                                     //
      ("cpus", word("N"), "number of CPUs, 0.5 is half of one")                                         //
      ("cpuset-cpus", word("LIST"), "CPUs to run on: 0-2,4")                                            //
      ("cpuset-mems", word("LIST"), "memory nodes to use")                                              //
      ("device", words("HOST[:INSIDE[:rwm]]"), "give a device")                                         //
      ("device-cgroup-rule", words("RULE"), "allow devices: \"c 1:3 rwm\"")                             //
      ("device-read-bps", words("DEV:RATE"), "read limit in bytes a second")                            //
      ("device-read-iops", words("DEV:N"), "read limit in operations a second")                         //
      ("device-write-bps", words("DEV:RATE"), "write limit in bytes a second")                          //
      ("device-write-iops", words("DEV:N"), "write limit in operations a second")                       //
      ("dns", words("ADDRESS"), "name server")                                                          //
      ("dns-option", words("OPTION"), "resolver option")                                                //
      ("dns-search", words("DOMAIN"), "search domain")                                                  //
      ("domainname", word("NAME"), "NIS domain name")                                                   //
      ("entrypoint", word("COMMAND"), "instead of the image's entrypoint: a program, or a JSON array")  //
      ("env,e", words("NAME[=VALUE]"), "environment variable")                                          //
      ("env-file", words("FILE"), "environment variables, one a line")                                  //
      ("expose", words("PORT[/PROTO]"), "a port that the container serves")                             //
      ("gidmap", words("INSIDE:HOST:SIZE"), "group ids in a user namespace")                            //
      ("group-add", words("GROUP"), "further group")                                                    //
      ("hostname,h", word("NAME"), "host name inside")                                                  //
      ("init", toggle(), "run a small init that reaps and forwards signals")                            //
      ("interactive,i", toggle(), "keep standard input open")                                           //
      ("ip", word("ADDRESS"), "IPv4 address")                                                           //
      ("ip6", word("ADDRESS"), "IPv6 address")                                                          //
      ("ipc", word("MODE"), "IPC namespace: private, host or container:NAME")                           //
      ("label,l", words("KEY=VALUE"), "label")                                                          //
      ("label-file", words("FILE"), "labels, one a line")                                               //
      ("mac-address", word("MAC"), "hardware address")                                                  //
      ("memory,m", word("SIZE"), "memory limit")                                                        //
      ("memory-reservation", word("SIZE"), "memory that is protected from reclaim last")                //
      ("memory-swap", word("SIZE"), "memory and swap together, -1 for unlimited swap")                  //
      ("mount", words("KEY=VALUE,..."), "type=bind|volume|tmpfs,source=...,target=...")                 //
      ("name", word("NAME"), "name of the container")                                                   //
      ("oom-score-adj", po::value<int>()->value_name("N"), "-1000 to 1000")                             //
      ("pid", word("MODE"), "PID namespace: private, host or container:NAME")                           //
      ("pidfile", word("FILE"), "write the process id of the container to a file")                      //
      ("pids-limit", word("N"), "number of processes, -1 for unlimited")                                //
      ("platform", word("OS/ARCH"), "which image of several to pull: linux/arm64")                      //
      ("privileged", toggle(), "all capabilities and devices")                                          //
      ("publish,p", words("[IP:][PORT:]PORT[/PROTO]"), "publish a port")                                //
      ("publish-all,P", toggle(), "publish all exposed ports, each on a free port of the host")         //
      ("pull", word("WHEN"), "pull the image: missing (the default), always or never")                  //
      ("quiet,q", toggle(), "say nothing while pulling")                                                //
      ("read-only", toggle(), "read-only root")                                                         //
      ("rm", toggle(), "remove the container when it ends")                                             //
      ("security-opt", words("OPTION"),
       "seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined")                              //
      ("shm-size", word("SIZE"), "size of /dev/shm (64m)")                                                //
      ("stop-signal", word("SIGNAL"), "what `stop` sends")                                                //
      ("stop-timeout", po::value<int>()->value_name("SECONDS"), "how long `stop` waits (10)")             //
      ("storage-opt", words("KEY=VALUE"), "option of the storage plugin")                                 //
      ("sysctl", words("KEY=VALUE"), "kernel parameter of the container's namespaces")                    //
      ("time-offset", words("CLOCK=SECONDS"), "new time namespace with monotonic or boottime moved")      //
      ("tls-verify", toggle(), "false: a registry's certificate is not checked, and plain HTTP allowed")  //
      ("tmpfs", words("DIR[:OPTIONS]"), "tmpfs")                                                          //
      ("tty,t", toggle(), "give it a terminal")                                                           //
      ("uidmap", words("INSIDE:HOST:SIZE"), "user ids in a new user namespace")                           //
      ("ulimit", words("NAME=SOFT[:HARD]"), "resource limit")                                             //
      ("user,u", word("USER[:GROUP]"), "user to run as")                                                  //
      ("userns", word("MODE"), "user namespace: host (none of its own; see uidmap)")                      //
      ("uts", word("MODE"), "UTS namespace: private, host or container:NAME")                             //
      ("volume,v", words("[SOURCE:]INSIDE[:ro]"),
       "bind mount of a path, or a volume by its name or without one")                   //
      ("volumes-from", words("CONTAINER[:ro]"), "the volumes and binds of another one")  //
      ("workdir,w", word("DIR"), "working directory");
  return d;
}

po::options_description run_flags(const std::vector<std::string>& args) {
  po::options_description d = container_flags(args);
  MentionedOptions add(d, args);
  add                                                                          //
      ("attach,a", words("STREAM"), "stay with stdin, stdout or stderr only")  //
      ("detach,d", toggle(), "run in the background, print the id")            //
      ("explain", toggle(), "print the plan as JSON and do nothing")           //
      ("sig-proxy", toggle(), "false: signals to rcrt are not passed on");
  return d;
}

Result<RunOptions> run_options(const CommandLine& line, const Globals& globals) {
  RunOptions options;
  options.image = line.words.empty() ? "busybox" : line.words[0];
  if (!line.words.empty()) options.args.assign(line.words.begin() + 1, line.words.end());
  if (!globals.storage.empty()) options.storage = globals.storage;
  if (!globals.isolation.empty()) options.isolation = split_words(globals.isolation, ',');
  if (globals.isolation == "none") options.isolation.clear();
  for (const auto& name : options.isolation)
    if (std::ranges::count(options.isolation, name) > 1)
      return error("isolation plugin is named twice", name, "once is enough", EINVAL);
  if (!globals.networks.empty()) options.networks = globals.networks;
  for (const auto& text : line.list("storage-opt")) {
    RCRT_ASSIGN(auto pair, key_value("storage-opt", text));
    options.storage_options.insert(std::move(pair));
  }
  options.name = line.text("name");
  options.hostname = line.text("hostname");
  options.domainname = line.text("domainname");
  if (options.hostname.size() > 64)
    return error("invalid host name", options.hostname, "at most 64 characters", EINVAL);
  if (options.hostname.find_first_of("\n /") != std::string::npos)
    return error("invalid host name", options.hostname, "no space and no /", EINVAL);
  if (!options.hostname.empty() && line.text("uts") == "host")
    return error("--hostname excludes --uts=host", options.hostname, "the name would be the machine's",
                 EINVAL);
  options.user = line.text("user");
  options.workdir = line.text("workdir");
  if (line.has("entrypoint")) options.entrypoint = entrypoint_of(line.text("entrypoint"));
  for (const auto& file : line.list("env-file")) {
    RCRT_ASSIGN(auto lines, lines_of(file));
    for (const auto& entry : lines) RCRT_TRY(add_env(options.env, entry, file));
  }
  for (const auto& entry : line.list("env")) RCRT_TRY(add_env(options.env, entry, "--env"));
  options.groups = line.list("group-add");
  options.cap_add = line.list("cap-add");
  options.cap_drop = line.list("cap-drop");
  options.security_opt = line.list("security-opt");
  for (const auto& file : line.list("label-file")) {
    RCRT_ASSIGN(auto lines, lines_of(file));
    options.labels.insert(options.labels.end(), lines.begin(), lines.end());
  }
  for (const auto& label : line.list("label")) options.labels.push_back(label);
  for (const auto& text : line.list("annotation")) {
    RCRT_ASSIGN(auto pair, key_value("annotation", text));
    options.annotations.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  options.devices = line.list("device");
  options.device_rules = line.list("device-cgroup-rule");
  for (const auto& text : line.list("sysctl")) {
    RCRT_ASSIGN(auto pair, key_value("sysctl", text));
    options.sysctls.insert(std::move(pair));
  }
  for (const auto& text : line.list("ulimit")) {
    RCRT_ASSIGN(Json limit, parse_ulimit(text));
    options.rlimits.push_back(std::move(limit));
  }
  if (line.has("oom-score-adj")) options.oom_score_adj = line.options["oom-score-adj"].as<int>();
  if (line.has("stop-timeout")) options.stop_timeout = line.options["stop-timeout"].as<int>();
  if (line.has("stop-signal")) {
    RCRT_TRY(parse_signal(line.text("stop-signal")));
    options.stop_signal = line.text("stop-signal");
  }
  RCRT_TRY(mount_flags(line, options));
  RCRT_TRY(network_flags(line, options));
  RCRT_TRY(namespace_flags(line, options));
  RCRT_ASSIGN(options.resources, resource_options(line));
  options.interactive = line.flag("interactive");
  options.tty = line.flag("tty");
  options.detach = line.flag("detach");
  RCRT_TRY(attach_flags(line, options));
  options.remove = line.flag("rm");
  options.read_only = line.flag("read-only");
  options.privileged = line.flag("privileged");
  options.init = line.flag("init");
  options.cid_file = line.text("cidfile");
  options.pid_file = line.text("pidfile");
  options.cgroup_parent = line.text("cgroup-parent");
  if (!options.cgroup_parent.empty()) options.cgroup_parent = "/" + clean_path(options.cgroup_parent);
  if (options.tty) std::tie(options.rows, options.columns) = terminal_size();
  return options;
}

}  // namespace rcrt::cli
