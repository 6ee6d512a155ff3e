// SPDX-License-Identifier: MIT
#include "core/defaults.h"

#include <sys/prctl.h>

#include <algorithm>

#include "core/capabilities.h"

namespace rcrt {
namespace {

Result<std::string> capability_name(const std::string& word) {
  std::string name = word;
  std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(toupper(c)); });
  if (!name.starts_with("CAP_")) name = "CAP_" + name;
  if (std::ranges::find(capabilities(), name) == capabilities().end())
    return error("unknown capability", word, "see capabilities(7); with or without CAP_, or ALL", EINVAL);
  return name;
}

bool means_all(const std::string& word) { return word == "ALL" || word == "all"; }

Json mount(const char* destination, const char* type, const char* source, std::vector<std::string> options) {
  Json json;
  json["destination"] = destination;
  json["type"] = type;
  json["source"] = source;
  json["options"] = std::move(options);
  return json;
}

}  // namespace

const char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Json default_mounts(bool privileged, const std::string& shm_size) {
  const char* access = privileged ? "rw" : "ro";
  return Json::array({
      mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts",
            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {access, "nosuid", "noexec", "nodev"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/dev/shm", "tmpfs", "shm",
            {"nosuid", "noexec", "nodev", "mode=1777", "size=" + (shm_size.empty() ? "67108864" : shm_size)}),
  });
}

Json default_masked_paths() {
  return {"/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
          "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap"};
}

Json default_readonly_paths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

Json default_device_rules() {
  auto rule = [](bool allow, const char* type, int major, int minor, const char* access) {
    Json json;
    json["allow"] = allow;
    json["access"] = access;
    if (type != nullptr) json["type"] = type;
    if (major >= 0) json["major"] = major;
    if (minor >= 0) json["minor"] = minor;
    return json;
  };
  return Json::array({
      rule(false, nullptr, -1, -1, "rwm"), rule(true, "c", -1, -1, "m"),  // any node may be made,
      rule(true, "b", -1, -1, "m"), rule(true, "c", 1, 3, "rwm"),         // null
      rule(true, "c", 1, 5, "rwm"),                                       // zero
      rule(true, "c", 1, 7, "rwm"),                                       // full
      rule(true, "c", 1, 8, "rwm"),                                       // random
      rule(true, "c", 1, 9, "rwm"),                                       // urandom
      rule(true, "c", 5, 0, "rwm"),                                       // tty
      rule(true, "c", 5, 1, "rwm"),                                       // console
      rule(true, "c", 5, 2, "rwm"),                                       // ptmx
      rule(true, "c", 136, -1, "rwm"),                                    // pts
  });
}

std::vector<std::string> default_capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
          "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
          "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
          "CAP_KILL",    "CAP_AUDIT_WRITE"};
}

std::vector<std::string> all_capabilities() {
  std::vector<std::string> names;
  for (size_t i = 0; i < capabilities().size(); ++i)
    if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) names.emplace_back(capabilities()[i]);
  return names;
}

bool asks_for_capability(const std::vector<std::string>& add, const std::string& name) {
  return std::ranges::any_of(add, [&](const std::string& word) {
    if (means_all(word)) return true;
    auto full = capability_name(word);
    return full && *full == name;
  });
}

Result<std::vector<std::string>> choose_capabilities(bool privileged, const std::vector<std::string>& add,
                                                     const std::vector<std::string>& drop) {
  bool add_all = std::ranges::any_of(add, means_all);
  bool drop_all = std::ranges::any_of(drop, means_all);
  std::vector<std::string> chosen;
  if (privileged || add_all)
    chosen = all_capabilities();
  else if (!drop_all)
    chosen = default_capabilities();
  for (const auto& word : add) {
    if (means_all(word)) continue;
    RCRT_ASSIGN(std::string name, capability_name(word));
    auto possible = all_capabilities();
    if (std::ranges::find(possible, name) == possible.end())
      return error("cannot add capability", name, "rcrt itself does not have it in its bounding set", EPERM);
    if (std::ranges::find(chosen, name) == chosen.end()) chosen.push_back(name);
  }
  for (const auto& word : drop) {
    if (means_all(word)) continue;
    RCRT_ASSIGN(std::string name, capability_name(word));
    std::erase(chosen, name);
  }
  return chosen;
}

}  // namespace rcrt
