// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <map>

#include "base/fault.h"
#include "base/result.h"
#include "plugins/net-bridge/files.h"
#include "plugins/net-bridge/ruleset.h"

namespace rcrt::bridge {
namespace {

constexpr size_t kMostBackups = 10;
constexpr const char* kSuffix = ".nft";
constexpr const char* kGenerationFile = "generation";

Expected<UniqueFd> open_backups(const std::string& data_dir, bool create) {
  RCRT_ASSIGN(UniqueFd data, open_folder(AT_FDCWD, data_dir, create));
  RCRT_ASSIGN(UniqueFd backups, open_folder(data.get(), "backups", create));
  return open_folder(backups.get(), "nft", create);
}

Expected<std::vector<std::string>> backup_ids(int folder) {
  RCRT_ASSIGN(auto names, list_folder(folder));
  std::vector<std::string> ids;
  for (const std::string& name : names)
    if (name.ends_with(kSuffix))
      ids.push_back(name.substr(0, name.size() - std::string_view(kSuffix).size()));
  return ids;  // sorted, and the time comes first in the name
}

std::string new_id() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char text[64], id[96];
  strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
  std::snprintf(id, sizeof id, "%s.%06ldZ", text, now.tv_nsec / 1000);
  return id;
}

// "20260131T093000.123456Z" -> "2026-01-31T09:30:00.123456Z"
std::string rfc3339(const std::string& id) {
  if (id.size() < 16 || id[8] != 'T') return id;
  return id.substr(0, 4) + "-" + id.substr(4, 2) + "-" + id.substr(6, 2) + "T" + id.substr(9, 2) + ":" +
         id.substr(11, 2) + ":" + id.substr(13);
}

template <typename F>
void each_line(std::string_view text, F visit) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string trimmed(std::string_view line) {
  size_t start = line.find_first_not_of(" \t");
  return std::string(start == std::string_view::npos ? std::string_view() : line.substr(start));
}

std::string quoted(const Table& table) { return table.family + " " + table.name; }

// The text without our tables (a backup made while they were there has them).
std::string without_ours(std::string_view ruleset) {
  std::string text;
  bool skipping = false;
  each_line(ruleset, [&](std::string_view line) {
    if (line == "table inet rcrt {" || line == "table bridge rcrt {") skipping = true;
    if (!skipping) text.append(line).push_back('\n');
    if (line == "}") skipping = false;
  });
  return text;
}

}  // namespace

Status backup_if_changed(Host& host, Nft& nft) {
  if (host.data_dir.empty()) return {};
  RCRT_ASSIGN(uint32_t now, generation(host.netfilter));
  RCRT_ASSIGN(auto left, read_file(host.state.own(), kGenerationFile));
  if (left && *left == std::to_string(now)) return {};
  RCRT_ASSIGN(UniqueFd folder, open_backups(host.data_dir, true));
  RCRT_ASSIGN(std::string text, nft.list(Nft::Format::text));
  RCRT_ASSIGN(auto ids, backup_ids(folder.get()));
  if (!ids.empty()) {
    RCRT_ASSIGN(auto last, read_file(folder.get(), ids.back() + kSuffix));
    if (last && *last == text) return {};
  }
  RCRT_TRY(write_file(folder.get(), new_id() + kSuffix, text, true));
  // The first ever stays: it is the machine before rcrt.
  for (size_t i = 1; ids.size() + 1 - (i - 1) > kMostBackups && i < ids.size(); ++i)
    RCRT_TRY(remove_file(folder.get(), ids[i] + kSuffix));
  return {};
}

Status note_generation(Host& host) {
  RCRT_ASSIGN(uint32_t now, generation(host.netfilter));
  return write_file(host.state.own(), kGenerationFile, std::to_string(now));
}

Expected<std::vector<Backup>> list_backups(const std::string& data_dir) {
  auto folder = open_backups(data_dir, false);
  if (!folder && folder.error().code == ENOENT) return std::vector<Backup>();
  if (!folder) return std::unexpected(folder.error());
  RCRT_ASSIGN(auto ids, backup_ids(folder->get()));
  std::vector<Backup> list;
  for (const std::string& id : ids) {
    struct stat info{};
    if (fstatat(folder->get(), (id + kSuffix).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    list.push_back({id, rfc3339(id), static_cast<uint64_t>(info.st_size)});
  }
  return list;
}

std::vector<std::string> unreadable_lines(std::string_view ruleset) {
  std::vector<std::string> lines;
  std::string table;
  each_line(ruleset, [&](std::string_view line) {
    if (line.starts_with("table ")) table = std::string(line.substr(6, line.find('{') - 7));
    // nft prints what it cannot express of iptables-nft as: xt match "name", xt target "name"
    if (line.find("xt match \"") != std::string_view::npos ||
        line.find("xt target \"") != std::string_view::npos)
      lines.push_back("table " + table + ": " + trimmed(line));
  });
  return lines;
}

std::vector<std::string> losses(std::string_view ruleset, const std::vector<Table>& now) {
  std::vector<std::string> lost = {
      "all rules, sets and chains get new handles: whoever remembers a handle finds another rule"};
  std::vector<std::string> iptables, present;
  bool counters = false, timeouts = false, quotas = false, dynamic = false, limits = false;
  std::string managed;
  each_line(ruleset, [&](std::string_view line) {
    if (line.starts_with("# Warning: table ") && line.find("iptables-nft") != std::string_view::npos)
      iptables.push_back(std::string(line.substr(17, line.find(" is managed") - 17)));
    if (line.starts_with("table ")) present.push_back(std::string(line.substr(6, line.rfind(' ') - 6)));
    counters |= line.find("counter packets") != std::string_view::npos ||
                line.find("packets ") != std::string_view::npos;
    timeouts |= line.find(" expires ") != std::string_view::npos;
    quotas |= line.find("quota ") != std::string_view::npos;
    limits |= line.find("limit rate") != std::string_view::npos;
    dynamic |= line.find("dynamic") != std::string_view::npos;
  });
  if (counters)
    lost.push_back("counters go back to what they were then: packets counted since are forgotten");
  if (quotas) lost.push_back("quotas go back to what was used then");
  if (limits) lost.push_back("rate limits start with a full burst");
  if (timeouts)
    lost.push_back(
        "elements with a timeout come back with the time that was left then, also those that expired since");
  if (dynamic) lost.push_back("what rules themselves have added to sets and meters since is forgotten");
  for (const std::string& table : iptables)
    lost.push_back("table " + table +
                   " belongs to iptables-nft, which may call the restored one incompatible: "
                   "restore it with iptables-restore instead");
  for (const std::string& line : unreadable_lines(ruleset))
    lost.push_back("nft cannot read this rule of iptables-nft back, so the restore will be refused: " + line);
  for (const Table& table : now)
    if (!is_ours(table) && std::find(present.begin(), present.end(), quoted(table)) == present.end())
      lost.push_back("table " + quoted(table) + " was made after the backup and will be deleted");
  lost.push_back(
      "every change to the ruleset since the backup; containers' published ports (table inet rcrt) stay");
  return lost;
}

std::string restore_commands(std::string_view ruleset, const std::vector<Table>& now) {
  std::string commands;
  for (const Table& table : now)
    if (!is_ours(table)) commands += "delete table " + quoted(table) + "\n";
  return commands + without_ours(ruleset);
}

Expected<Restore> restore_backup(const std::string& data_dir, const std::string& id, bool confirm) {
  if (id.empty() || id.find('/') != std::string::npos || id[0] == '.')
    return sdk::fail(EINVAL, "not a backup's id", id, "see rcrt network backups");
  auto folder = open_backups(data_dir, false);
  if (!folder) return sdk::fail(ENOENT, "no such backup", id, "see rcrt network backups");
  RCRT_ASSIGN(auto text, read_file(folder->get(), id + kSuffix));
  if (!text) return sdk::fail(ENOENT, "no such backup", id, "see rcrt network backups");
  RCRT_ASSIGN(Netlink netfilter, Netlink::open(NETLINK_NETFILTER));
  RCRT_ASSIGN(auto tables, all_tables(netfilter));
  Restore result{losses(*text, tables)};
  if (!confirm) return result;
  if (auto lines = unreadable_lines(*text); !lines.empty())
    return sdk::fail(ENOTSUP, "cannot restore: nft cannot read a rule of iptables-nft back", lines[0],
                     "nothing was changed; restore that table with iptables-restore");
  RCRT_ASSIGN(Nft nft, Nft::load());
  std::string commands = restore_commands(*text, tables);
  if (auto status = nft.check(commands); !status) {
    Failure failure = status.error();
    failure.what = "cannot restore: nftables refuses the backup, nothing was changed";
    return std::unexpected(failure);
  }
  fault_point("net-bridge: before the restore");
  RCRT_TRY(nft.run(commands));
  fault_point("net-bridge: restored");
  return result;
}

}  // namespace rcrt::bridge
