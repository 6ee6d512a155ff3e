// SPDX-License-Identifier: MIT
// Test helper: runs a classic BPF program on one system call, as the kernel would.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace rcrt::seccomp {

inline uint32_t run_filter(const std::vector<sock_filter>& program, uint32_t arch, uint32_t nr,
                           const std::vector<uint64_t>& arguments = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(nr);
  data.arch = arch;
  for (size_t i = 0; i < arguments.size() && i < 6; ++i) data.args[i] = arguments[i];
  uint32_t a = 0, memory[BPF_MEMWORDS] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& insn = program[at];
    auto jump = [&](bool taken) { at += taken ? insn.jt : insn.jf; };
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&a, reinterpret_cast<const char*>(&data) + insn.k, 4);
        break;
      case BPF_LD | BPF_MEM:
        a = memory[insn.k];
        break;
      case BPF_ST:
        memory[insn.k] = a;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= insn.k;
        break;
      case BPF_JMP | BPF_JA:
        at += insn.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(a == insn.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(a > insn.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(a >= insn.k);
        break;
      case BPF_RET | BPF_K:
        return insn.k;
      default:
        throw std::runtime_error("instruction the interpreter does not know");
    }
  }
  throw std::runtime_error("the program runs off its end");
}

}  // namespace rcrt::seccomp
