// SPDX-License-Identifier: MIT
#include <linux/magic.h>
#include <sys/vfs.h>

#include "launch/child.h"

namespace rcrt::launch {
namespace {

// A procfs, by its type: the container's own, just mounted, or else the machine's.
int checked_proc(Child& child) {
  if (child.proc >= 0) return child.proc;
  int proc = sys::openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return proc;
  struct statfs file_system;
  int error = sys::call(SYS_fstatfs, proc, sys::arg(&file_system));
  if (error < 0) return error;
  if (file_system.f_type != PROC_SUPER_MAGIC) return -ENODEV;
  child.proc = proc;
  return proc;
}

}  // namespace

void set_sysctls(Child& child) {
  if (child.plan->sysctls.count == 0) return;
  int proc = checked_proc(child);
  if (proc < 0) fail(child, Stage::kSysctl, proc, "/proc", "it is not a procfs");
  int folder = sys::openat2(proc, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC,
                            RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  if (folder < 0) fail(child, Stage::kSysctl, folder, "/proc/sys");
  auto* sysctls = child.table<plan::Sysctl>(child.plan->sysctls);
  for (uint32_t i = 0; i < child.plan->sysctls.count; ++i) {
    const char* path = child.string(sysctls[i].path);
    const char* value = child.string(sysctls[i].value);
    int fd = sys::openat2(folder, path, O_WRONLY | O_CLOEXEC,
                          RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (fd < 0) fail(child, Stage::kSysctl, fd, path);
    long written = sys::write(fd, value, strlen(value));
    if (written < 0) fail(child, Stage::kSysctl, written, path);
    sys::close(fd);
  }
  sys::close(folder);
}

void set_names(const Child& child) {
  if (const char* name = child.string(child.plan->hostname); name != nullptr)
    if (long error = sys::call(SYS_sethostname, sys::arg(name), strlen(name)); error < 0)
      fail(child, Stage::kHostname, error, name);
  if (const char* name = child.string(child.plan->domainname); name != nullptr)
    if (long error = sys::call(SYS_setdomainname, sys::arg(name), strlen(name)); error < 0)
      fail(child, Stage::kDomainname, error, name);
}

void set_security_label(Child& child) {
  struct {
    plan::Str text;
    const char* file;
    const char* fallback;
  } const labels[] = {{child.plan->apparmor, "self/attr/apparmor/exec", "self/attr/exec"},
                      {child.plan->selinux, "self/attr/exec", nullptr}};
  for (auto& label : labels) {
    const char* text = child.string(label.text);
    if (text == nullptr) continue;
    int proc = checked_proc(child);
    if (proc < 0) fail(child, Stage::kSecurityLabel, proc, text);
    // "self" is a link of procfs itself, into the same procfs.
    constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    int fd = sys::openat2(proc, label.file, O_WRONLY | O_CLOEXEC, kResolve);
    if (fd == -ENOENT && label.fallback != nullptr)
      fd = sys::openat2(proc, label.fallback, O_WRONLY | O_CLOEXEC, kResolve);
    long error = fd < 0 ? fd : sys::write(fd, text, strlen(text));
    if (error < 0)
      fail(child, Stage::kSecurityLabel, error, text, "this kernel may lack the security module");
    sys::close(fd);
  }
}

}  // namespace rcrt::launch
