// SPDX-License-Identifier: MIT
// Small whole files: state and configuration.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"

namespace rcrt {

// The whole of a regular file, refused above `limit` bytes. Does not wait on FIFOs.
Result<std::string> read_file(const std::string& path, size_t limit = 4 << 20);
Result<std::string> read_fd(int fd, const std::string& name, size_t limit = 4 << 20);
Result<Json> read_json(const std::string& path);

enum class Durable { no, yes };

// Replaces a file by a temporary name and rename(2); with Durable::yes file and folder are
// synced. Mode 0600 unless said otherwise.
Result<void> write_file(const std::string& path, const std::string& content, Durable durable = Durable::no,
                        unsigned mode = 0600);

// Writes into the file in place: the inode stays, for files that are bind-mounted.
Result<void> overwrite_file(const std::string& path, const std::string& content, unsigned mode = 0644);

// A path that does not depend on the working directory. It need not exist.
Result<std::string> absolute_path(const std::string& path);

// The names in a folder, sorted, without . and ..; empty when it cannot be read.
std::vector<std::string> list_folder(const std::string& path);

}  // namespace rcrt
