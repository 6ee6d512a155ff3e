// SPDX-License-Identifier: MIT
// A profile as a classic BPF program, by libseccomp. The library is loaded here and
// nowhere else: a container whose program is cached does not pay for it.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "profile.h"

namespace rcrt::seccomp {

using Program = std::vector<sock_filter>;

// Names of system calls that neither this kernel nor libseccomp knows are left out.
sdk::Expected<Program> compile(const Profile& profile);

// The newest system call known on an architecture, as its audit number (AUDIT_ARCH_*).
struct NewestCall {
  uint32_t audit_arch = 0;
  uint32_t newest = 0;
  uint32_t newest_x32 = 0;  // of the x32 calls sharing AUDIT_ARCH_X86_64; 0 if there are none
};

// What comes before the filter: a call newer than the profile fails with ENOSYS, which
// programs understand as "use the older one", and not with what the profile says of
// calls it refuses.
Program enosys_prelude(const std::vector<NewestCall>& newest);

// The same answers in fewer instructions: neighbouring calls that come to the same are one
// range instead of a comparison each. The kernel translates a filter for every process that
// loads it, which takes it a microsecond for three instructions. A program that does more
// with a call's number than compare it is returned as it is.
Program by_ranges(const Program& program);

// Whether it is of the shape the kernel takes: jumps inside, a return at the end.
bool well_formed(const sock_filter* program, size_t length);

}  // namespace rcrt::seccomp
