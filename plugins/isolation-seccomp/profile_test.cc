// SPDX-License-Identifier: MIT
// Profiles and what they compile to, run in an interpreter. x86_64 only where system
// call numbers are named.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <cerrno>
#include <fstream>
#include <map>

#include "compile.h"
#include "filter_interpreter.h"
#include "sha256.h"

namespace rcrt::seccomp {
namespace {

using sdk::Json;

const std::set<std::string> kDockerCapabilities = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",  "CAP_FOWNER",     "CAP_MKNOD",
    "CAP_SETGID",  "CAP_SETUID",       "CAP_SETFCAP", "CAP_SETPCAP",    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW", "CAP_SYS_CHROOT",   "CAP_KILL",    "CAP_AUDIT_WRITE"};

Program compiled(const Profile& profile) {
  auto program = compile(profile);
  EXPECT_TRUE(program.has_value()) << program.error().what << " " << program.error().object;
  return program ? *program : Program{};
}

Program built_in(const std::set<std::string>& capabilities = kDockerCapabilities) {
  return compiled(default_profile(target_of(capabilities)));
}

constexpr uint32_t kAllowed = SECCOMP_RET_ALLOW;
constexpr uint32_t refused(int code) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(code); }

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string(1000, 'a')),
            "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
constexpr uint32_t kX32 = 0x40000000;

TEST(DefaultProfile, OrdinaryCallsPassOnEveryArchitecture) {
  Program program = built_in();
  for (uint32_t nr : {SYS_read, SYS_openat, SYS_execve, SYS_futex, SYS_statx, SYS_chroot})
    EXPECT_EQ(run_filter(program, kArch, nr), kAllowed) << nr;
  EXPECT_EQ(run_filter(program, AUDIT_ARCH_I386, 11), kAllowed);  // execve
  EXPECT_EQ(run_filter(program, kArch, kX32 + 520), kAllowed);    // x32 execve
}

TEST(DefaultProfile, WhatNeedsACapabilityIsRefusedWithoutItAndAllowedWithIt) {
  const std::map<std::string, std::vector<uint32_t>> brought = {
      {"CAP_SYS_ADMIN", {SYS_mount, SYS_umount2, SYS_setns, SYS_unshare, SYS_bpf, SYS_sethostname}},
      {"CAP_SYS_BOOT", {SYS_reboot}},
      {"CAP_SYS_CHROOT", {SYS_chroot}},
      {"CAP_SYS_MODULE", {SYS_init_module, SYS_finit_module}},
      {"CAP_SYS_PACCT", {SYS_acct}},
      {"CAP_SYS_PTRACE", {SYS_kcmp}},
      {"CAP_SYS_RAWIO", {SYS_iopl, SYS_ioperm}},
      {"CAP_SYS_TIME", {SYS_settimeofday, SYS_clock_settime}},
      {"CAP_SYS_TTY_CONFIG", {SYS_vhangup}},
      {"CAP_SYS_NICE", {SYS_mbind, SYS_set_mempolicy}},
      {"CAP_SYSLOG", {SYS_syslog}},
      {"CAP_BPF", {SYS_bpf}},
      {"CAP_PERFMON", {SYS_perf_event_open}},
      {"CAP_DAC_READ_SEARCH", {SYS_open_by_handle_at}},
  };
  Program none = built_in({});
  for (const auto& [capability, calls] : brought) {
    Program with = built_in({capability});
    for (uint32_t nr : calls) {
      EXPECT_EQ(run_filter(none, kArch, nr), refused(EPERM)) << capability << " " << nr;
      EXPECT_EQ(run_filter(with, kArch, nr), kAllowed) << capability << " " << nr;
    }
  }
}

TEST(DefaultProfile, WhatNoContainerMayDo) {
  Program all = built_in({"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_BOOT"});
  for (uint32_t nr :
       {SYS_keyctl, SYS_add_key, SYS_request_key, SYS_kexec_load, SYS_kexec_file_load, SYS_swapon,
        SYS_swapoff, SYS_userfaultfd, SYS_io_uring_setup, SYS_pivot_root, SYS_move_pages, SYS_uselib})
    EXPECT_EQ(run_filter(all, kArch, nr), refused(EPERM)) << nr;
}

TEST(DefaultProfile, NamespacesAreMadeOnlyWithSysAdmin) {
  Program plain = built_in(), admin = built_in({"CAP_SYS_ADMIN"});
  const uint64_t thread = 0x3d0f00, user_namespace = 0x10000000 | 17;
  EXPECT_EQ(run_filter(plain, kArch, SYS_clone, {thread}), kAllowed);
  EXPECT_EQ(run_filter(plain, kArch, SYS_clone, {user_namespace}), refused(EPERM));
  EXPECT_EQ(run_filter(admin, kArch, SYS_clone, {user_namespace}), kAllowed);
  EXPECT_EQ(run_filter(plain, kArch, SYS_clone3), refused(ENOSYS));
  EXPECT_EQ(run_filter(admin, kArch, SYS_clone3), kAllowed);
  for (uint64_t flag : {0x20000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000})
    EXPECT_EQ(run_filter(plain, kArch, SYS_clone, {flag}), refused(EPERM)) << flag;
}

TEST(DefaultProfile, ArgumentsOfSocketAndPersonality) {
  Program program = built_in();
  EXPECT_EQ(run_filter(program, kArch, SYS_socket, {2, 1, 0}), kAllowed);
  EXPECT_EQ(run_filter(program, kArch, SYS_socket, {16, 3, 0}), kAllowed);
  EXPECT_EQ(run_filter(program, kArch, SYS_socket, {40, 1, 0}), refused(EPERM));
  for (uint64_t value : {0x0u, 0x8u, 0x20000u, 0x20008u, 0xffffffffu})
    EXPECT_EQ(run_filter(program, kArch, SYS_personality, {value}), kAllowed) << value;
  EXPECT_EQ(run_filter(program, kArch, SYS_personality, {0x40000}), refused(EPERM)) << "no ASLR off";
}

TEST(DefaultProfile, CallsNewerThanTheProfileDoNotExist) {
  Program program = built_in();
  for (uint32_t nr : {600u, 100000u, 0xffffffffu & 0x3fffffffu})
    EXPECT_EQ(run_filter(program, kArch, nr), refused(ENOSYS)) << nr;
  EXPECT_EQ(run_filter(program, kArch, kX32 + 700), refused(ENOSYS));
  EXPECT_EQ(run_filter(program, AUDIT_ARCH_I386, 600), refused(ENOSYS));
  EXPECT_EQ(run_filter(program, AUDIT_ARCH_AARCH64, 0), SECCOMP_RET_KILL_THREAD) << "a foreign architecture";
}

// The machine's own copy of podman's profile, where it is installed: every call up to
// Linux 5.17 has the same fate, with and without the capabilities that matter, except
// for the differences between docker and podman, where ours follows docker.
TEST(DefaultProfile, AllowsWhatPodmanAllows) {
  const char* path = "/usr/share/containers/seccomp.json";
  std::ifstream in(path);
  if (!in) GTEST_SKIP() << path << " is not installed";
  Json json = Json::parse(in);
  // podman leaves these to the capability check alone (nested containers); docker does not.
  const std::set<uint32_t> only_podman = {
      SYS_socket,  // AF_VSOCK
      SYS_clone,   // namespaces
      SYS_clone3,     SYS_unshare,       SYS_setns,         SYS_mount,  SYS_umount2,
      SYS_pivot_root, SYS_open_tree,     SYS_move_mount,    SYS_fsopen, SYS_fsconfig,
      SYS_fsmount,    SYS_fspick,        SYS_mount_setattr, SYS_syslog, SYS_reboot,
      SYS_mbind,      SYS_set_mempolicy, SYS_get_mempolicy, SYS_keyctl, SYS_pidfd_getfd};
  // Ours has these as docker has; newer than podman's copy here, or left out there.
  const std::set<uint32_t> only_ours = {SYS_vmsplice, SYS_io_pgetevents,   SYS_quotactl_fd, SYS_futex_waitv,
                                        SYS_bpf,      SYS_perf_event_open, SYS_syslog};
  for (const auto& capabilities :
       {std::set<std::string>{}, kDockerCapabilities, std::set<std::string>{"CAP_SYS_ADMIN"},
        std::set<std::string>{"CAP_SYS_PTRACE", "CAP_SYS_TIME", "CAP_SYS_NICE", "CAP_SYSLOG", "CAP_BPF"}}) {
    Target target = target_of(capabilities);
    auto theirs = parse_profile(json, target, "$");
    ASSERT_TRUE(theirs) << theirs.error().object;
    Program their = compiled(*theirs), our = compiled(default_profile(target));
    for (uint32_t nr = 0; nr < 450; ++nr)
      for (uint64_t argument : {0ull, 1ull, 17ull, 40ull, 0x10000011ull, 0x20000ull, 0x40000ull}) {
        bool they = run_filter(their, kArch, nr, {argument, argument}) == kAllowed;
        bool we = run_filter(our, kArch, nr, {argument, argument}) == kAllowed;
        if (they && !we && only_podman.contains(nr)) continue;
        if (we && !they && only_ours.contains(nr)) continue;
        EXPECT_EQ(we, they) << "system call " << nr << " argument " << argument << " with "
                            << capabilities.size() << " capabilities";
      }
  }
}
#endif  // __x86_64__

Profile parsed(const char* text, const std::set<std::string>& capabilities = {}) {
  Target target = target_of(capabilities);
  target.kernel_major = 6;
  target.kernel_minor = 1;
  auto profile = parse_profile(Json::parse(text), target, "$");
  EXPECT_TRUE(profile) << profile.error().object << " " << profile.error().hint;
  return profile ? *profile : Profile{};
}

TEST(ParseProfile, ConditionsSelectRules) {
  const char* text = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_X"]}},
    {"names": ["b"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_X"]}},
    {"names": ["c"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.1"}},
    {"names": ["d"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.2"}},
    {"names": ["e"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "5.20"}},
    {"names": ["f"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
    {"name": "g", "action": "SCMP_ACT_ALLOW"}]})";
  auto names = [](const Profile& profile) {
    std::string all;
    for (const auto& rule : profile.rules) all += rule.names.at(0);
    return all;
  };
  EXPECT_EQ(names(parsed(text)), "bcg");
  EXPECT_EQ(names(parsed(text, {"CAP_X"})), "acg");
}

TEST(ParseProfile, OciMembers) {
  Profile profile = parsed(R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_LOONGARCH64"],
    "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
      "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]}]})");
  EXPECT_EQ(profile.flags, std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"});
  EXPECT_EQ(profile.architectures, (std::vector<std::string>{"x86_64", "x86"}));
#if defined(__x86_64__)
  Program program = compiled(profile);
  EXPECT_EQ(run_filter(program, kArch, SYS_socket, {16, 3, 9}), refused(97));
  EXPECT_EQ(run_filter(program, kArch, SYS_socket, {16, 3, 8}), kAllowed) << "all conditions must hold";
  EXPECT_EQ(run_filter(program, kArch, 600), kAllowed) << "what is allowed by default stays allowed";
#endif
}

#if defined(__x86_64__)
TEST(ParseProfile, TwoConditionsOnOneArgumentAreAlternatives) {
  Program program = compiled(parsed(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
      {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]})"));
  EXPECT_EQ(run_filter(program, kArch, SYS_personality, {0}), kAllowed);
  EXPECT_EQ(run_filter(program, kArch, SYS_personality, {8}), kAllowed);
  EXPECT_EQ(run_filter(program, kArch, SYS_personality, {4}), refused(EPERM));
}

TEST(ParseProfile, EveryComparisonAndAction) {
  struct Case {
    const char* op;
    uint64_t hit, miss;
  } cases[] = {{"SCMP_CMP_NE", 6, 5}, {"SCMP_CMP_LT", 4, 5}, {"SCMP_CMP_LE", 5, 6},
               {"SCMP_CMP_EQ", 5, 6}, {"SCMP_CMP_GE", 5, 4}, {"SCMP_CMP_GT", 6, 5}};
  for (const auto& c : cases) {
    Json json = Json::parse(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["dup"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 5, "op": "x"}]}]})");
    json["syscalls"][0]["args"][0]["op"] = c.op;
    Program program = compiled(parsed(json.dump().c_str()));
    EXPECT_EQ(run_filter(program, kArch, SYS_dup, {0, c.hit}), refused(EPERM)) << c.op;
    EXPECT_EQ(run_filter(program, kArch, SYS_dup, {0, c.miss}), kAllowed) << c.op;
  }
  const std::map<std::string, uint32_t> actions = {
      {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
      {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},           {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
      {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE | EPERM}, {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
      {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF}};
  for (const auto& [name, code] : actions) {
    Json json = {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", {{{"names", {"dup"}}, {"action", name}}}}};
    EXPECT_EQ(run_filter(compiled(parsed(json.dump().c_str())), kArch, SYS_dup), code) << name;
  }
}

// Both programs say the same of every number near a comparison, with every argument that one names.
void expect_same(const Program& before, const Program& after) {
  std::set<uint32_t> constants = {0, 1, UINT32_MAX};
  for (const auto& insn : before)
    for (uint32_t step : {-1, 0, 1}) constants.insert(insn.k + step);
  for (uint32_t nr = 0; nr < 700; ++nr) constants.insert({nr, 0x40000000 + nr});
  std::set<uint64_t> values = {0, 1, UINT64_MAX};
  for (size_t at = 1; at < before.size(); ++at)  // after a load of an argument or a mask of one
    if (before[at - 1].k >= offsetof(seccomp_data, args) && BPF_CLASS(before[at - 1].code) != BPF_JMP)
      for (uint64_t step : {-1, 0, 1}) values.insert({before[at].k + step, (before[at].k + step) << 32});
  for (uint32_t arch :
       {0u, 1u, uint32_t(AUDIT_ARCH_I386), uint32_t(AUDIT_ARCH_X86_64), uint32_t(AUDIT_ARCH_AARCH64),
        0x40000002u, 0x40000004u, 0xc000003du, 0xc000003fu, UINT32_MAX})
    for (uint32_t nr : constants)
      for (uint64_t value : values) {
        const std::vector<uint64_t> arguments = {value, value, value, 5, value, 6};
        ASSERT_EQ(run_filter(before, arch, nr, arguments), run_filter(after, arch, nr, arguments))
            << std::hex << arch << " " << nr << " " << value;
      }
}

TEST(ByRanges, SaysTheSameInAThirdOfTheInstructions) {
  for (const auto& capabilities :
       {kDockerCapabilities, std::set<std::string>{},
        std::set<std::string>{"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_TIME"}}) {
    Program before = built_in(capabilities), after = by_ranges(before);
    EXPECT_TRUE(well_formed(after.data(), after.size()));
    EXPECT_LT(after.size() * 3, before.size()) << after.size() << " of " << before.size();
    expect_same(before, after);
  }
}

TEST(ByRanges, SaysTheSameOfAnyProfile) {
  for (
      const char* text : {
          R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["dup"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 5, "op": "SCMP_CMP_GT"},
                 {"index": 0, "value": 4294967303, "op": "SCMP_CMP_LE"}]},
                {"names": ["ptrace", "clone"], "action": "SCMP_ACT_KILL_PROCESS", "args": [
                 {"index": 0, "value": 65280, "valueTwo": 256, "op": "SCMP_CMP_MASKED_EQ"}]}]})",
          R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": [
                {"names": ["read", "write", "exit_group"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
                 {"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]})",
          R"({"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": []})"}) {
    Program before = compiled(parsed(text)), after = by_ranges(before);
    EXPECT_TRUE(well_formed(after.data(), after.size()));
    EXPECT_LE(after.size(), before.size());
    expect_same(before, after);
  }
}

TEST(ByRanges, LeavesAloneWhatItCannotTell) {
  const Program counted = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 1),
                           BPF_STMT(BPF_RET | BPF_K, 2)};
  EXPECT_EQ(by_ranges(counted).size(), counted.size());
  const Program broken = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 200, 200)};
  EXPECT_EQ(by_ranges(broken).size(), broken.size());
}

#endif

TEST(ParseProfile, UnknownSystemCallsAreLeftOut) {
  Program program = compiled(parsed(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["no_such_call", "read"], "action": "SCMP_ACT_ALLOW"}]})"));
  EXPECT_TRUE(well_formed(program.data(), program.size()));
}

TEST(ParseProfile, ErrorsNameThePath) {
  const std::map<std::string, std::string> bad = {
      {R"([])", "$"},
      {R"({})", "$.defaultAction"},
      {R"({"defaultAction": "SCMP_ACT_NONE"})", "$.defaultAction"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY"})", "$.defaultAction"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1})", "$.defaultErrnoRet"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096})", "$.defaultErrnoRet"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]})", "$.flags[0]"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": [1]})", "$.architectures[0]"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["amd64"]})", "$.architectures[0]"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]})",
       "$.syscalls[0].names"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}})", "$.syscalls"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]})",
       "$.syscalls[0].names"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["dup"]}]})", "$.syscalls[0].action"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["dup"], "action": "SCMP_ACT_ERRNO",
           "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]})",
       "$.syscalls[0].args[0].index"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["dup"], "action": "SCMP_ACT_ERRNO",
           "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}]})",
       "$.syscalls[0].args[0].value"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["dup"], "action": "SCMP_ACT_ERRNO",
           "includes": {"minKernel": "new"}}]})",
       "$.syscalls[0].includes.minKernel"},
  };
  for (const auto& [text, path] : bad) {
    auto profile = parse_profile(Json::parse(text), target_of({}), "$");
    ASSERT_FALSE(profile) << text;
    EXPECT_EQ(profile.error().object, path) << text;
    EXPECT_FALSE(profile.error().hint.empty()) << text;
  }
}

TEST(Profile, ShowsTheBadValue) {
  auto profile = parse_profile(Json::parse(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"names": ["dup"], "action": "SCMP_ACT_ERRNO"}, {"names": ["dup"], "action": "SCMP_ACT_X"}]})"),
                               target_of({}), "linux.seccomp");
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().object, "linux.seccomp.syscalls[1].action");
  EXPECT_TRUE(profile.error().hint.starts_with("it is \"SCMP_ACT_X\", and it is no")) << profile.error().hint;
}

TEST(WellFormed, RefusesWhatTheKernelWould) {
  const sock_filter ret = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  EXPECT_TRUE(well_formed(&ret, 1));
  EXPECT_FALSE(well_formed(&ret, 0));
  const sock_filter zero[2] = {};
  EXPECT_FALSE(well_formed(zero, 2)) << "a hole in the file";
  const sock_filter far[2] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), ret};
  EXPECT_FALSE(well_formed(far, 2)) << "a jump past the end";
  const sock_filter outside[2] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(seccomp_data)), ret};
  EXPECT_FALSE(well_formed(outside, 2));
}

}  // namespace
}  // namespace rcrt::seccomp
