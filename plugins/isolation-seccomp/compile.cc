// SPDX-License-Identifier: MIT
#include "compile.h"

#include <dlfcn.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/bind_symbol.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace rcrt::seccomp {
namespace {

struct Library {
  void* handle;
  decltype(&::seccomp_init) init;
  decltype(&::seccomp_release) release;
  decltype(&::seccomp_arch_add) arch_add;
  decltype(&::seccomp_arch_native) arch_native;
  decltype(&::seccomp_arch_resolve_name) arch_resolve_name;
  decltype(&::seccomp_attr_set) attr_set;
  decltype(&::seccomp_rule_add_array) rule_add_array;
  decltype(&::seccomp_syscall_resolve_name) resolve_name;
  decltype(&::seccomp_syscall_resolve_name_arch) resolve_name_arch;
  decltype(&::seccomp_export_bpf) export_bpf;
};

sdk::Expected<Library> load() {
  Library library{};
  library.handle = ::dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library.handle)
    return sdk::fail(ENOENT, "cannot load libseccomp", "libseccomp.so.2",
                     "install the package libseccomp2, or run with --security-opt seccomp=unconfined");
  bool complete =
      bind_symbol(library.handle, "seccomp_init", library.init) &&
      bind_symbol(library.handle, "seccomp_release", library.release) &&
      bind_symbol(library.handle, "seccomp_arch_add", library.arch_add) &&
      bind_symbol(library.handle, "seccomp_arch_native", library.arch_native) &&
      bind_symbol(library.handle, "seccomp_arch_resolve_name", library.arch_resolve_name) &&
      bind_symbol(library.handle, "seccomp_attr_set", library.attr_set) &&
      bind_symbol(library.handle, "seccomp_rule_add_array", library.rule_add_array) &&
      bind_symbol(library.handle, "seccomp_syscall_resolve_name", library.resolve_name) &&
      bind_symbol(library.handle, "seccomp_syscall_resolve_name_arch", library.resolve_name_arch) &&
      bind_symbol(library.handle, "seccomp_export_bpf", library.export_bpf);
  if (complete) return library;
  ::dlclose(library.handle);
  return sdk::fail(ENOSYS, "libseccomp lacks functions", "libseccomp.so.2",
                   "libseccomp 2.5 or newer is needed");
}

uint32_t action_code(Action action, unsigned errno_value) {
  switch (action) {
    case Action::kKillThread:
      return SCMP_ACT_KILL_THREAD;
    case Action::kKillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case Action::kTrap:
      return SCMP_ACT_TRAP;
    case Action::kErrno:
      return SCMP_ACT_ERRNO(errno_value);
    case Action::kTrace:
      return SCMP_ACT_TRACE(errno_value);
    case Action::kAllow:
      return SCMP_ACT_ALLOW;
    case Action::kLog:
      return SCMP_ACT_LOG;
    case Action::kNotify:
      return SCMP_ACT_NOTIFY;
  }
  return SCMP_ACT_KILL_PROCESS;
}

scmp_compare compare_code(Compare op) {
  switch (op) {
    case Compare::kNotEqual:
      return SCMP_CMP_NE;
    case Compare::kLess:
      return SCMP_CMP_LT;
    case Compare::kLessEqual:
      return SCMP_CMP_LE;
    case Compare::kEqual:
      return SCMP_CMP_EQ;
    case Compare::kGreaterEqual:
      return SCMP_CMP_GE;
    case Compare::kGreater:
      return SCMP_CMP_GT;
    case Compare::kMaskedEqual:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

// Written by libseccomp into memory that has a descriptor.
sdk::Expected<Program> exported(const Library& library, scmp_filter_ctx filter) {
  UniqueFd memory(::memfd_create("rcrt-seccomp", MFD_CLOEXEC));
  if (!memory) return sdk::fail_errno("cannot make memory for the seccomp program");
  if (int code = library.export_bpf(filter, memory.get()); code != 0)
    return sdk::fail(-code, "cannot compile the seccomp profile");
  off_t size = ::lseek(memory.get(), 0, SEEK_END);
  if (size < 0) return sdk::fail_errno("cannot read the seccomp program");
  Program program(static_cast<size_t>(size) / sizeof(sock_filter));
  ssize_t n = ::pread(memory.get(), program.data(), program.size() * sizeof(sock_filter), 0);
  if (n != size) return sdk::fail(EIO, "cannot read the seccomp program");
  return program;
}

std::vector<NewestCall> newest_calls(const Library& library, const Profile& profile,
                                     const std::set<uint32_t>& tokens) {
  std::vector<NewestCall> list;
  for (uint32_t token : tokens) {
    int newest = -1;
    for (const auto& rule : profile.rules)
      for (const auto& name : rule.names)
        newest = std::max(newest, library.resolve_name_arch(token, name.c_str()));
    if (newest < 0) continue;
    // x32 shares its audit number with x86_64: one entry for both.
    uint32_t audit = token == SCMP_ARCH_X32 ? static_cast<uint32_t>(AUDIT_ARCH_X86_64) : token;
    auto entry = std::find_if(list.begin(), list.end(), [&](const auto& e) { return e.audit_arch == audit; });
    if (entry == list.end()) entry = list.insert(list.end(), NewestCall{audit, 0, 0});
    (token == SCMP_ARCH_X32 ? entry->newest_x32 : entry->newest) = static_cast<uint32_t>(newest);
  }
  return list;
}

sdk::Status add_rules(const Library& library, scmp_filter_ctx filter, const Profile& profile) {
  const uint32_t by_default = action_code(profile.default_action, profile.default_errno);
  for (const auto& rule : profile.rules) {
    uint32_t action = action_code(rule.action, rule.errno_value);
    if (action == by_default) continue;  // says nothing; libseccomp would refuse it
    std::vector<scmp_arg_cmp> arguments;
    for (const auto& a : rule.arguments)
      arguments.push_back({a.index, compare_code(a.op), a.value, a.value_two});
    for (const auto& name : rule.names) {
      int number = library.resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) continue;
      int code = library.rule_add_array(filter, action, number, static_cast<unsigned>(arguments.size()),
                                        arguments.data());
      if (code == -EEXIST) continue;  // another rule says it already
      if (code != 0) return sdk::fail(-code, "libseccomp refuses the rule for system call", name);
    }
  }
  return {};
}

sdk::Expected<Program> compile_with(const Library& library, const Profile& profile) {
  std::unique_ptr<void, decltype(library.release)> filter(
      library.init(action_code(profile.default_action, profile.default_errno)), library.release);
  if (!filter) return sdk::fail(ENOMEM, "cannot compile the seccomp profile");
  std::set<uint32_t> tokens = {library.arch_native()};
  for (const auto& name : profile.architectures) {
    uint32_t token = library.arch_resolve_name(name.c_str());
    if (token == 0) continue;  // newer than the library: no such program runs here
    int code = library.arch_add(filter.get(), token);
    if (code == 0) tokens.insert(token);
    // Another byte order than this machine's cannot run here either.
    if (code != 0 && code != -EEXIST && code != -EDOM)
      return sdk::fail(-code, "libseccomp refuses architecture", name);
  }
  // A binary tree: the kernel works each call's answer out once when the filter is
  // installed, which takes it far longer with a list. Older libraries keep the list.
  (void)library.attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  RCRT_TRY(add_rules(library, filter.get(), profile));
  RCRT_ASSIGN(Program body, exported(library, filter.get()));

  // Where the profile lets through what it does not name, newer calls are none of our business.
  bool lets_through = profile.default_action == Action::kAllow || profile.default_action == Action::kLog ||
                      profile.default_action == Action::kTrace;
  Program program;
  if (!lets_through) program = enosys_prelude(newest_calls(library, profile, tokens));
  program.insert(program.end(), body.begin(), body.end());
  if (program.size() + 3 > BPF_MAXINSNS)  // the cache adds three
    return sdk::fail(E2BIG, "the seccomp profile is too large for the kernel", {},
                     "it compiles to " + std::to_string(program.size()) + " instructions, 4096 are allowed");
  if (!well_formed(program.data(), program.size()))
    return sdk::fail(EINVAL, "libseccomp made a seccomp program the kernel would refuse");
  return program;
}

}  // namespace

sdk::Expected<Program> compile(const Profile& profile) {
  RCRT_ASSIGN(Library library, load());
  auto program = compile_with(library, profile);
  ::dlclose(library.handle);
  return program;
}

}  // namespace rcrt::seccomp
