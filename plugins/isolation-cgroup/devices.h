// SPDX-License-Identifier: MIT
// Device access: OCI "devices" rules as an eBPF program on the container's cgroup.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <vector>

#include "files.h"

namespace rcrt::cgroup {

struct DeviceRule {
  bool allow = false;
  char type = 'a';     // 'a' every device, 'b' block, 'c' character
  int64_t major = -1;  // -1: any
  int64_t minor = -1;
  uint32_t access = 7;  // BPF_DEVCG_ACC_READ | _WRITE | _MKNOD

  bool operator==(const DeviceRule&) const = default;
};

Expected<std::vector<DeviceRule>> parse_device_rules(const sdk::Json& resources);

// True when the rules let everything through: no program is needed.
bool allows_everything(const std::vector<DeviceRule>& rules);
// True when the rules allow no more than the devices every container has (null, zero,
// full, random, urandom, tty, console, ptmx, pts) and mknod: nobody asked for them.
bool only_default_devices(const std::vector<DeviceRule>& rules);

// The program: the last rule that speaks of an access decides; what no rule speaks of
// is denied.
std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules);

// Loads the program and makes it the group's only one of its type.
Status attach_device_program(int cgroup, const std::vector<bpf_insn>& program);

}  // namespace rcrt::cgroup
