// SPDX-License-Identifier: MIT
// Namespaces of a configuration, and of processes; descriptors, through /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/json.h"

namespace rcrt::oci {

// CLONE_NEW* of the namespaces in which the process is and we are not.
uint32_t foreign_namespaces(pid_t pid);

// Of a configuration that is found good: the path of the one that is joined, and whether one is made.
std::string namespace_path(const Json& config, const char* type);
bool makes_namespace(const Json& config, const char* type);

// The path of an open file or folder; empty when it has none.
std::string path_of(int fd);

// A duplicate, close-on-exec; -1 for -1.
int dup_console(int fd);

}  // namespace rcrt::oci
