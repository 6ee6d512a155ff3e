// SPDX-License-Identifier: MIT
#include "cache.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fault.h"
#include "base/result.h"

namespace rcrt::seccomp {
namespace {

bool write_all(int fd, const Program& program) {
  const char* data = reinterpret_cast<const char*>(program.data());
  size_t left = program.size() * sizeof(sock_filter);
  while (left > 0) {
    ssize_t n = ::write(fd, data, left);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    left -= static_cast<size_t>(n);
  }
  return true;
}

// A cached file ends in three instructions nothing leads to: two that hold a checksum
// of what stands before, and a return, because the kernel wants a program to end in one.
constexpr size_t kSeal = 3;
constexpr uint16_t kLoadConstant = BPF_LD | BPF_IMM;

uint64_t checksum(const sock_filter* program, size_t length) {
  uint64_t hash = 0x9e3779b97f4a7c15ull ^ length;
  for (size_t i = 0; i < length; ++i) {
    uint64_t word;
    std::memcpy(&word, program + i, sizeof word);
    hash = (hash ^ word) * 0xff51afd7ed558ccdull;
    hash ^= hash >> 32;
  }
  return hash;
}

Program sealed(Program program) {
  const uint64_t sum = checksum(program.data(), program.size());
  program.push_back(BPF_STMT(kLoadConstant, static_cast<uint32_t>(sum)));
  program.push_back(BPF_STMT(kLoadConstant, static_cast<uint32_t>(sum >> 32)));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  return program;
}

bool seal_holds(const sock_filter* program, size_t length) {
  if (length <= kSeal) return false;
  const sock_filter* seal = program + length - kSeal;
  const uint64_t sum = checksum(program, length - kSeal);
  return seal[0].code == kLoadConstant && seal[1].code == kLoadConstant &&
         seal[0].k == static_cast<uint32_t>(sum) && seal[1].k == static_cast<uint32_t>(sum >> 32);
}

bool only_ours(const struct stat& info) { return info.st_uid == ::geteuid() && (info.st_mode & 022) == 0; }

}  // namespace

UniqueFd cached(const std::string& cache_dir, const std::string& key) {
  UniqueFd dir(::open((cache_dir + "/seccomp").c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info;
  if (!dir || ::fstat(dir.get(), &info) != 0 || !only_ours(info)) return {};
  UniqueFd file(::openat(dir.get(), (key + ".bpf").c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || !only_ours(info)) return {};
  if (info.st_size <= 0 || info.st_size % sizeof(sock_filter) != 0) return {};
  size_t length = static_cast<size_t>(info.st_size) / sizeof(sock_filter);
  if (length > BPF_MAXINSNS) return {};
  Program program(length);
  ssize_t n = ::pread(file.get(), program.data(), static_cast<size_t>(info.st_size), 0);
  if (n != info.st_size || !seal_holds(program.data(), length)) return {};
  return file;
}

sdk::Expected<UniqueFd> store(const std::string& cache_dir, const std::string& key, const Program& program) {
  const std::string folder = cache_dir + "/seccomp";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return sdk::fail_errno("cannot create folder", folder);
  UniqueFd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info;
  if (!dir || ::fstat(dir.get(), &info) != 0) return sdk::fail_errno("cannot open folder", folder);
  if (!only_ours(info))
    return sdk::fail(EPERM, "seccomp cache can be written by others", folder, "remove it, or chmod 0700 it");
  // Without a name until it is whole; nothing to clean up after a kill.
  const std::string temporary = "." + key + "." + std::to_string(::getpid());
  (void)::unlinkat(dir.get(), temporary.c_str(), 0);
  UniqueFd file(::openat(dir.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const bool unnamed = file.valid();
  if (!unnamed)  // a file system without O_TMPFILE
    file.reset(::openat(dir.get(), temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return sdk::fail_errno("cannot create file in", folder);
  fault_point("seccomp: write cache");
  if (!write_all(file.get(), sealed(program)) || ::fdatasync(file.get()) != 0) {
    auto failure = sdk::fail_errno("cannot write the seccomp program in", folder);
    (void)::unlinkat(dir.get(), temporary.c_str(), 0);
    return failure;
  }
  // linkat cannot replace; rename can. An O_TMPFILE gets its hidden name first.
  char self[32];
  std::snprintf(self, sizeof self, "/proc/self/fd/%d", file.get());
  if (unnamed && ::linkat(AT_FDCWD, self, dir.get(), temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return sdk::fail_errno("cannot create file in", folder);
  fault_point("seccomp: name cache");
  if (::renameat(dir.get(), temporary.c_str(), dir.get(), (key + ".bpf").c_str()) != 0) {
    auto failure = sdk::fail_errno("cannot create file in", folder);
    (void)::unlinkat(dir.get(), temporary.c_str(), 0);
    return failure;
  }
  fault_point("seccomp: cache written");
  UniqueFd reader(::openat(dir.get(), (key + ".bpf").c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!reader) return sdk::fail_errno("cannot open", folder + "/" + key + ".bpf");
  return reader;
}

sdk::Expected<UniqueFd> in_memory(const Program& program) {
  UniqueFd memory(::memfd_create("rcrt-seccomp", MFD_CLOEXEC));
  if (!memory) return sdk::fail_errno("cannot make memory for the seccomp program");
  if (!write_all(memory.get(), program) || ::lseek(memory.get(), 0, SEEK_SET) != 0)
    return sdk::fail_errno("cannot write the seccomp program");
  return memory;
}

}  // namespace rcrt::seccomp
