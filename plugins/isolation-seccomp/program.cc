// SPDX-License-Identifier: MIT
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>

#include "compile.h"

namespace rcrt::seccomp {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

sock_filter statement(int code, uint32_t k) { return sock_filter BPF_STMT(static_cast<uint16_t>(code), k); }
sock_filter jump(int code, uint32_t k, int yes, int no) {
  return sock_filter BPF_JUMP(static_cast<uint16_t>(code), k, static_cast<uint8_t>(yes),
                              static_cast<uint8_t>(no));
}

}  // namespace

Program enosys_prelude(const std::vector<NewestCall>& newest) {
  const sock_filter load_arch = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  const sock_filter load_nr = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  const sock_filter refuse = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  constexpr int kEqual = BPF_JMP | BPF_JEQ | BPF_K, kGreater = BPF_JMP | BPF_JGT | BPF_K,
                kGreaterEqual = BPF_JMP | BPF_JGE | BPF_K;
  Program program = {load_arch};
  std::vector<size_t> to_filter;  // jumps whose target is the filter itself
  for (const auto& known : newest) {
    Program part = {load_nr};
    if (known.audit_arch == AUDIT_ARCH_X86_64) {
      // x32 calls, where they are part of the profile, have numbers of their own;
      // otherwise the filter deals with the foreign architecture.
      if (known.newest_x32 != 0) {
        part.push_back(jump(kGreaterEqual, kX32Bit, 0, 2));
        part.push_back(jump(kGreater, known.newest_x32, 2, 0));  // -> refuse
        part.push_back(jump(kGreaterEqual, kX32Bit, 2, 0));      // -> done
        part.push_back(jump(kGreater, known.newest, 0, 1));
      } else {
        part.push_back(jump(kGreaterEqual, kX32Bit, 2, 0));  // -> done
        part.push_back(jump(kGreater, known.newest, 0, 1));
      }
    } else {
      part.push_back(jump(kGreater, known.newest, 0, 1));
    }
    part.push_back(refuse);
    // done: the filter follows, after the parts of other architectures.
    program.push_back(jump(kEqual, known.audit_arch, 0, static_cast<int>(part.size() + 1)));
    program.insert(program.end(), part.begin(), part.end());
    to_filter.push_back(program.size());
    program.push_back(statement(BPF_JMP | BPF_JA, 0));
  }
  for (size_t at : to_filter) program[at].k = static_cast<uint32_t>(program.size() - at - 1);
  return program;
}

bool well_formed(const sock_filter* program, size_t length) {
  if (length == 0 || length > BPF_MAXINSNS) return false;
  for (size_t at = 0; at < length; ++at) {
    const sock_filter& insn = program[at];
    size_t left = length - at - 1;  // instructions after this one
    switch (BPF_CLASS(insn.code)) {
      case BPF_LD:
        if (insn.code != (BPF_LD | BPF_W | BPF_ABS)) {
          if (insn.code != (BPF_LD | BPF_MEM) && insn.code != (BPF_LD | BPF_IMM)) return false;
        } else if (insn.k % 4 != 0 || insn.k >= sizeof(seccomp_data)) {
          return false;
        }
        break;
      case BPF_JMP:
        if (BPF_OP(insn.code) == BPF_JA ? insn.k >= left : insn.jt >= left || insn.jf >= left) return false;
        break;
      case BPF_LDX:
      case BPF_ST:
      case BPF_STX:
      case BPF_ALU:
      case BPF_MISC:
      case BPF_RET:
      default:
        break;
    }
  }
  return BPF_CLASS(program[length - 1].code) == BPF_RET;
}

}  // namespace rcrt::seccomp
