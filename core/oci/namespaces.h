// SPDX-License-Identifier: MIT
// Looking at processes and descriptors through /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace rcrt::oci {

// CLONE_NEW* of the namespaces in which the process is and we are not.
uint32_t foreign_namespaces(pid_t pid);

// The path of an open file or folder; empty when it has none.
std::string path_of(int fd);

// A duplicate, close-on-exec; -1 for -1.
int dup_console(int fd);

}  // namespace rcrt::oci
