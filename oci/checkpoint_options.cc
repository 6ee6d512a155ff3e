// SPDX-License-Identifier: MIT
#include "oci/checkpoint_options.h"

namespace rcrt::oci {
namespace {

// What both verbs take.
const Switch kSwitches[] = {
    {{"tcp-established", 0, nullptr, "allow open TCP connections"}, &CriuOptions::tcp_established},
    {{"ext-unix-sk", 0, nullptr, "allow UNIX sockets that lead outside"}, &CriuOptions::ext_unix_sk},
    {{"shell-job", 0, nullptr, "allow a terminal that is not the container's"}, &CriuOptions::shell_job},
    {{"file-locks", 0, nullptr, "allow file locks"}, &CriuOptions::file_locks},
    {{"auto-dedup", 0, nullptr, "keep each page of memory in one image only"}, &CriuOptions::auto_dedup},
    {{"lazy-pages", 0, nullptr, "fetch pages of memory when they are used"}, &CriuOptions::lazy_pages},
};

const Switch kCheckpointSwitches[] = {
    {{"leave-running", 0, nullptr, "let the container go on"}, &CriuOptions::leave_running},
    {{"pre-dump", 0, nullptr, "only the memory, ahead of a checkpoint; the container goes on"},
     &CriuOptions::pre_dump},
    {{"tcp-skip-in-flight", 0, nullptr, "leave TCP connections out that are being made"},
     &CriuOptions::tcp_skip_in_flight},
    {{"link-remap", 0, nullptr, "link files again that were unlinked"}, &CriuOptions::link_remap},
};

std::vector<Option> common_options() {
  std::vector<Option> options = {
      {"image-path", 0, "DIR", "the folder of the images (checkpoint in the working directory)"},
      {"work-path", 0, "DIR", "the folder of criu's log and work files (that of the images)"},
      {"manage-cgroups-mode", 0, "MODE", "soft, full, strict or ignore"},
      {"empty-ns", 0, "NAMESPACE", "network: as always, its devices are the engine's"},
  };
  for (const auto& one : kSwitches) options.push_back(one.option);
  return options;
}

std::vector<Option> checkpoint_options() {
  auto options = common_options();
  for (const auto& one : kCheckpointSwitches) options.push_back(one.option);
  options.push_back({"parent-path", 0, "DIR", "the images of a --pre-dump, relative to --image-path"});
  options.push_back({"page-server", 0, "ADDRESS:PORT", "send pages of memory to a criu page-server"});
  options.push_back({"status-fd", 0, "FD", "a NUL is written here when --lazy-pages can be fetched"});
  return options;
}

std::vector<Option> restore_options() {
  auto options = common_options();
  for (const Option& option : std::vector<Option>{
           {"bundle", 'b', "DIR", "the bundle's folder (the working directory)"},
           {"console-socket", 0, "SOCKET", "send the terminal's master to this AF_UNIX socket"},
           {"pid-file", 0, "FILE", "write the process's id to this file"},
           {"detach", 'd', nullptr, "do not wait for the container's end"},
           {"keep", 0, nullptr, "do not delete the container when it has ended"},
           {"no-subreaper", 0, nullptr, "accepted and not needed: restore adopts no processes"},
           {"no-pivot", 0, nullptr, "accepted and not needed: criu restores the mounts"},
           {"lsm-profile", 0, "TYPE:NAME", "another security profile than the checkpoint's"},
           {"lsm-mount-context", 0, "CONTEXT", "another SELinux label of mounts than the checkpoint's"}})
    options.push_back(option);
  return options;
}

}  // namespace

std::span<const Switch> common_switches() { return kSwitches; }
std::span<const Switch> checkpoint_switches() { return kCheckpointSwitches; }

std::vector<Command> checkpoint_commands(Run checkpoint, Run restore) {
  return {
      {"checkpoint", "[OPTIONS] ID", "write a running container into files with CRIU, and end it", 1, 1,
       false, checkpoint_options(), checkpoint},
      {"restore", "[OPTIONS] ID", "create a container from what checkpoint has written, and let it go on", 1,
       1, false, restore_options(), restore},
  };
}

}  // namespace rcrt::oci
