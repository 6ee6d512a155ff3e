// SPDX-License-Identifier: MIT
// A seccomp profile, resolved for one container: what is left after capabilities,
// architecture and kernel version have been looked at.
#pragma once

#include <cstdint>
#include <rcrt/plugin.hpp>
#include <set>
#include <string>
#include <vector>

namespace rcrt::seccomp {

enum class Action { kKillThread, kKillProcess, kTrap, kErrno, kTrace, kAllow, kLog, kNotify };
enum class Compare { kNotEqual, kLess, kLessEqual, kEqual, kGreaterEqual, kGreater, kMaskedEqual };

struct Argument {
  unsigned index = 0;
  Compare op = Compare::kEqual;
  uint64_t value = 0;      // the mask, for kMaskedEqual
  uint64_t value_two = 0;  // what the masked argument must equal
};

struct Rule {
  std::vector<std::string> names;
  Action action = Action::kAllow;
  unsigned errno_value = 0;         // for kErrno and kTrace
  std::vector<Argument> arguments;  // all must hold
};

struct Profile {
  Action default_action = Action::kErrno;
  unsigned default_errno = 0;
  std::vector<std::string> architectures;  // libseccomp's names: "x86_64"; the native one is implied
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG"
  std::vector<Rule> rules;
};

// What a profile's conditions are judged by.
struct Target {
  std::set<std::string> capabilities;  // "CAP_SYS_ADMIN"
  std::string architecture;            // Go's name, as profiles write it: "amd64", "arm64"
  unsigned kernel_major = 0, kernel_minor = 0;
};

Target target_of(const std::set<std::string>& capabilities);

// Docker's profile format and OCI's linux.seccomp (which is a part of it). `where` is
// how the profile is called in errors.
sdk::Expected<Profile> parse_profile(const sdk::Json& json, const Target& target, const std::string& where);

// The built-in profile.
Profile default_profile(const Target& target);
// Changes whenever the built-in profile does.
uint64_t default_profile_version();

}  // namespace rcrt::seccomp
