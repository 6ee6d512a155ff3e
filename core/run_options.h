// SPDX-License-Identifier: MIT
// What a user asked of `run`, as words already parsed and checked for form. Together with
// the image configuration and the defaults it becomes an OCI configuration (spec_builder.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/json.h"

namespace rcrt {

struct BindMount {
  std::string type = "bind";         // "bind", "tmpfs" or "volume"
  std::string source;                // absolute; a volume's name or empty; empty for tmpfs
  std::string target;                // absolute, inside
  std::vector<std::string> options;  // OCI mount options beside "rbind"
  bool read_only = false;
  bool create_source = false;  // -v makes a missing source folder, --mount does not
  // Of a volume that has been chosen: a bind mount of its data from then on.
  std::string volume;
  bool anonymous = false;
  bool no_copy = false;  // the image's content is not copied into it
};

struct PublishedPort {
  std::string host_ip;     // empty: every address
  uint16_t host_port = 0;  // 0: chosen by the network
  uint16_t container_port = 0;
  std::string protocol = "tcp";
};

struct IdMapping {
  uint32_t container = 0, host = 0, size = 0;
};

// Who in the container's mappings is `id`; nobody (65534) outside of them.
uint32_t host_id(const std::vector<IdMapping>& mappings, uint32_t id);

struct RunOptions {
  std::string image;              // reference, or what the storage plugin takes instead
  std::vector<std::string> args;  // the command; empty: the image's

  std::string storage = "overlay";
  std::vector<std::string> isolation = {"cgroup", "seccomp"};
  std::vector<std::string> networks = {"none"};
  std::map<std::string, std::string> storage_options;

  std::string name, hostname, domainname, user, workdir;
  std::optional<std::vector<std::string>> entrypoint;
  std::vector<std::string> env, groups, cap_add, cap_drop, security_opt, labels;
  std::vector<BindMount> mounts;
  std::vector<std::string> volumes_from;  // containers, with ":ro" or ":rw"
  std::vector<PublishedPort> ports;
  std::vector<PublishedPort> exposed;  // host_port 0; with those of the image once it is known
  bool publish_all = false;
  std::vector<std::string> add_host, dns, dns_search, dns_options;
  std::string ip, ip6, mac;
  std::vector<std::string> devices;       // HOST[:CONTAINER[:rwm]]
  std::vector<std::string> device_rules;  // "c 1:3 rwm"
  std::map<std::string, std::string> sysctls, annotations;
  std::string cgroup_parent;        // absolute; empty: /rcrt
  Json rlimits = Json::array();     // OCI process.rlimits
  Json resources = Json::object();  // OCI linux.resources, without devices
  std::optional<int> oom_score_adj;
  std::string shm_size;                                     // bytes, decimal
  std::string pid_mode, ipc_mode, uts_mode, cgroupns_mode;  // "", "host", "private"
  std::vector<IdMapping> uid_map, gid_map;                  // with a user namespace of its own: both
  std::map<std::string, Json> time_offsets;                 // "monotonic" -> {"secs":..,"nanosecs":..}

  bool interactive = false, tty = false, detach = false, remove = false, read_only = false;
  bool privileged = false, init = false;
  bool attach_in = true, attach_out = true, attach_err = true;  // which of the client's streams
  std::string stop_signal;
  int stop_timeout = 10;
  std::string cid_file, pid_file;
  unsigned rows = 0, columns = 0;  // of the caller's terminal, with tty
};

// "64m" -> 67108864. Suffixes b k m g t, case ignored, powers of 1024; "-1" only if allowed.
Result<int64_t> parse_size(const std::string& text, bool allow_unlimited = false);
// "[ip:][hostport:]port[/proto]", with ranges "8000-8010:80-90" giving several.
Result<std::vector<PublishedPort>> parse_publish(const std::string& text);
// "port[/proto]", "8000-8010".
Result<std::vector<PublishedPort>> parse_expose(const std::string& text);
// "/host:/inside[:ro,...]", "./host:/inside", "volume:/inside", or "/inside" for a volume without a name.
Result<BindMount> parse_volume(const std::string& text);
// "type=bind,source=/a,target=/b,readonly", "type=volume,source=name,target=/b".
Result<BindMount> parse_mount(const std::string& text);
// "/run[:size=64m,mode=1777]".
Result<BindMount> parse_tmpfs(const std::string& text);
// "nofile=1024[:2048]" -> {"type":"RLIMIT_NOFILE","soft":..,"hard":..}.
Result<Json> parse_ulimit(const std::string& text);
// "0:100000:65536".
Result<IdMapping> parse_id_mapping(const std::string& text);
// "TERM", "SIGTERM", "15" -> 15.
Result<int> parse_signal(const std::string& text);

// Splits at a character; no empty text gives one empty part.
std::vector<std::string> split_words(const std::string& text, char separator);

}  // namespace rcrt
