// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "core/files.h"
#include "core/find_program.h"
#include "core/oci/bundle.h"
#include "core/oci/checkpoint.h"
#include "core/oci/criu.h"
#include "core/paths.h"

namespace rcrt::oci {
namespace {

constexpr int kLogLevel = 4;  // as runc's
constexpr struct {
  const char* name;
  Criu__CgroupMode mode;
} kCgroupModes[] = {{"", CRIU__CGROUP_MODE__DEFAULT},
                    {"soft", CRIU__CGROUP_MODE__SOFT},
                    {"full", CRIU__CGROUP_MODE__FULL},
                    {"strict", CRIU__CGROUP_MODE__STRICT},
                    {"ignore", CRIU__CGROUP_MODE__IGNORE}};

Result<UniqueFd> open_folder(const std::string& path, bool make) {
  if (make) RCRT_TRY(make_folders(path));
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("cannot open the folder of the images", path);
  return fd;
}

Result<void> set_cgroup_mode(const std::string& name, Criu__Options& out) {
  for (const auto& known : kCgroupModes) {
    if (name != known.name) continue;
    RCRT_CRIU_SET(out, manage_cgroups, 1);
    RCRT_CRIU_SET(out, cgroup_mode, known.mode);
    return {};
  }
  return error("invalid manage-cgroups-mode value", name, "use soft, full, strict or ignore", EINVAL);
}

Result<void> set_page_server(const std::string& text, CriuRequest& request) {
  if (text.empty()) return {};
  size_t colon = text.rfind(':');
  int port = 0;
  const char* end = text.data() + text.size();
  if (colon == text.npos || colon == 0 || std::from_chars(text.data() + colon + 1, end, port).ptr != end ||
      port < 1 || port > 65535)
    return error("invalid value for --page-server", text, "give ADDRESS:PORT", EINVAL);
  std::string address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  request.set_page_server(address, port);
  return {};
}

// The user's wishes for criu, where runc has them.
void set_config_file(const Json& config, CriuRequest& request) {
  static const Json::json_pointer kAnnotation("/annotations/org.criu.config");
  std::string file = "/etc/criu/runc.conf";
  if (config.contains(kAnnotation) && config[kAnnotation].is_string())
    file = config[kAnnotation].get<std::string>();
  if (!file.empty()) request.options().config_file = request.text(file);
}

}  // namespace

Result<void> set_choices(const CriuOptions& options, CriuRequest& request) {
  RCRT_TRY(set_cgroup_mode(options.cgroup_mode, request.options()));
  return set_page_server(options.page_server, request);
}

Result<CriuFolders> set_common_options(const CriuOptions& options, const Json& config, const std::string& log,
                                       bool make, CriuRequest& request) {
  Criu__Options& out = request.options();
  CriuFolders folders;
  RCRT_ASSIGN(folders.images, open_folder(options.images, make));
  folders.log = options.images + "/" + log;
  out.images_dir_fd = folders.images.get();
  if (!options.work.empty()) {
    RCRT_ASSIGN(folders.work, open_folder(options.work, true));
    folders.log = options.work + "/" + log;
    RCRT_CRIU_SET(out, work_dir_fd, folders.work.get());
  }
  set_config_file(config, request);
  // While it looks, no packet may come: by default criu executes iptables for that.
  if (find_program("iptables-restore").empty())
    RCRT_CRIU_SET(out, network_lock, CRIU__NETWORK_LOCK__NFTABLES);
  // An old one must not speak for this time.
  unlink(folders.log.c_str());
  out.log_file = request.text(log);
  RCRT_CRIU_SET(out, log_level, kLogLevel);
  RCRT_CRIU_SET(out, notify_scripts, 1);
  RCRT_CRIU_SET(out, orphan_terminal, 1);
  RCRT_CRIU_SET(out, tcp_established, options.tcp_established);
  RCRT_CRIU_SET(out, ext_unix_sk, options.ext_unix_sk);
  RCRT_CRIU_SET(out, shell_job, options.shell_job);
  RCRT_CRIU_SET(out, file_locks, options.file_locks);
  RCRT_CRIU_SET(out, auto_dedup, options.auto_dedup);
  RCRT_CRIU_SET(out, lazy_pages, options.lazy_pages);
  // The devices of a network namespace are the engine's, which makes them anew.
  RCRT_CRIU_SET(out, empty_namespaces, CLONE_NEWNET);
  return folders;
}

std::vector<OutsideMount> outside_mounts(const Json& config) {
  std::vector<OutsideMount> list;
  if (auto mounts = config.find("mounts"); mounts != config.end() && mounts->is_array())
    for (const auto& mount : *mounts)
      if (is_bind(mount)) list.push_back({mount.value("destination", ""), mount.value("source", "")});
  // In a user namespace they are bound from the machine, too.
  for (const char* device :
       {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom"})
    list.push_back({device, device});
  static const Json::json_pointer kDevices("/linux/devices");
  if (config.contains(kDevices) && config[kDevices].is_array())
    for (const auto& device : config[kDevices])
      if (std::string path = device.value("path", ""); !path.empty()) list.push_back({path, path});
  return list;
}

std::string outside_name(const char* kind) {
  std::string name = kind;
  name[0] = static_cast<char>(toupper(static_cast<unsigned char>(name[0])));
  return "extRoot" + name + "NS";
}

std::unexpected<Error> criu_error(const Error& below, const std::string& what, const std::string& id,
                                  const std::string& log, int output) {
  constexpr size_t kMost = 64 << 20;
  Error failed{what, id, 0, "see " + log, {}, 125};
  if (auto text = read_file(log, kMost)) {
    failed.cause = last_error(*text);
  } else {
    failed.hint = "`criu check` says what is missing";
    auto printed = lseek(output, 0, SEEK_SET) == 0 ? read_fd(output, "criu's output", kMost) : "";
    if (printed) failed.cause = last_error(*printed);
  }
  if (failed.cause.empty()) failed.cause = below.message();
  return std::unexpected(std::move(failed));
}

}  // namespace rcrt::oci
