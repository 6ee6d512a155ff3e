// SPDX-License-Identifier: MIT
// Compiled programs by what they were made of: <cache_dir>/seccomp/<sha256>.bpf.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "compile.h"

namespace rcrt::seccomp {

// The program cached under this key, opened for reading, or an invalid descriptor when
// there is none or the file is not what we would have written.
UniqueFd cached(const std::string& cache_dir, const std::string& key);

// Puts a program there; readers see all of it or nothing. Gives a descriptor for it.
sdk::Expected<UniqueFd> store(const std::string& cache_dir, const std::string& key, const Program& program);

// The program as a file of its own in memory.
sdk::Expected<UniqueFd> in_memory(const Program& program);

}  // namespace rcrt::seccomp
