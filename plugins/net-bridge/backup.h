// SPDX-License-Identifier: MIT
// The user's ruleset as it was before our first change: evidence, and the source of an
// explicit, warned restore. In data_dir/backups/nft/<time>.nft.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/net-bridge/nft.h"
#include "plugins/net-bridge/shared.h"

namespace rcrt::bridge {

// Saves the ruleset unless it is what the last backup says. Cheap when nobody has touched
// the ruleset since we left it.
Status backup_if_changed(Host& host, Nft& nft);
// Remembers that the ruleset is now as it was before us, but for others' edits.
Status note_generation(Host& host);

struct Backup {
  std::string id;    // file name without ".nft": 20260131T093000.123456Z
  std::string time;  // RFC 3339
  uint64_t size = 0;
};
Expected<std::vector<Backup>> list_backups(const std::string& data_dir);

// Sentences about what putting this text back cannot preserve.
std::vector<std::string> losses(std::string_view ruleset, const std::vector<Table>& now);
// Lines that nft prints and cannot read.
std::vector<std::string> unreadable_lines(std::string_view ruleset);
// The one transaction: every table but ours deleted, then the text.
std::string restore_commands(std::string_view ruleset, const std::vector<Table>& now);

struct Restore {
  std::vector<std::string> lost;
};
// Changes nothing unless `confirm`.
Expected<Restore> restore_backup(const std::string& data_dir, const std::string& id, bool confirm);

}  // namespace rcrt::bridge
