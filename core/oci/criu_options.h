// SPDX-License-Identifier: MIT
// How a container is checkpointed or restored.
#pragma once

#include <string>

namespace rcrt::oci {

struct CriuOptions {
  std::string program = "criu";
  std::string images, work;  // folders; without `work` the log is among the images
  std::string parent;        // of an earlier --pre-dump, relative to `images`
  std::string cgroup_mode;   // soft, full, strict, ignore
  std::string page_server;   // ADDRESS:PORT
  std::string lsm_profile, lsm_mount_context;
  int status_fd = -1;
  bool leave_running = false, pre_dump = false;
  bool tcp_established = false, tcp_skip_in_flight = false, ext_unix_sk = false;
  bool shell_job = false, file_locks = false, link_remap = false;
  bool auto_dedup = false, lazy_pages = false;
};

}  // namespace rcrt::oci
