// SPDX-License-Identifier: MIT
#include "core/oci/features.h"

#include "base/version.h"
#include "core/capabilities.h"
#include "core/oci/hooks.h"
#include "core/oci/record.h"
#include "core/plan_builder.h"

namespace rcrt::oci {

namespace {
const std::vector<std::string> kSeccompFlags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                                "SECCOMP_FILTER_FLAG_LOG",
                                                "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
}  // namespace

Json features() {
  Json hooks = Json::array();
  for (const char* kind : kHookKinds) hooks.push_back(kind);
  const auto names = capabilities();
  return {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", kSpecVersion},
      {"hooks", hooks},
      {"mountOptions", known_mount_options()},
      {"linux",
       {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}},
        {"capabilities", std::vector<std::string>(names.begin(), names.end())},
        {"cgroup", {{"v1", false}, {"v2", true}, {"systemd", true}, {"systemdUser", false}, {"rdma", true}}},
        {"seccomp",
         {{"enabled", true},
          {"actions",
           {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}},
          {"operators",
           {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE"}},
          {"archs",
           {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32",
            "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",
            "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE",
            "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_X32", "SCMP_ARCH_X86",
            "SCMP_ARCH_X86_64"}},
          {"knownFlags", kSeccompFlags},
          {"supportedFlags", kSeccompFlags}}},
        {"mountExtensions", {{"idmap", {{"enabled", true}}}}},
        {"apparmor", {{"enabled", true}}},
        {"selinux", {{"enabled", true}}},
        {"intelRdt", {{"enabled", true}, {"schemata", true}, {"monitoring", true}}},
        {"memoryPolicy", {{"modes", known_memory_modes()}, {"flags", known_memory_flags()}}},
        {"netDevices", {{"enabled", true}}}}},
      {"annotations", {{"io.github.rcrt.version", RCRT_VERSION}}},
      {"potentiallyUnsafeConfigAnnotations", Json::array()},
  };
}

}  // namespace rcrt::oci
