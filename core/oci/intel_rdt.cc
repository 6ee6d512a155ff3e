// SPDX-License-Identifier: MIT
#include "core/oci/intel_rdt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.h"
#include "base/words.h"
#include "core/files.h"
#include "core/plan_json.h"

namespace rcrt::oci {
namespace {

using plan_json::bad;
using plan_json::Node;

void add_line(const Node& node, const std::string& line, std::vector<std::string>& lines) {
  if (line.find('\n') != std::string::npos) bad(node.path(), line, "it must be one line");
  lines.push_back(line);
}

void read(const Node& node, const std::string& id, const std::string& resctrl, IntelRdt& wish) {
  if (resctrl.empty())
    bad(node.path(), "",
        "no resctrl file system is mounted: it needs a processor with RDT, and a mount of it");
  const std::string closid = node["closID"].text_or("");
  if (closid == "." || closid == ".." || (closid != "/" && closid.find('/') != std::string::npos))
    bad(node["closID"].path(), closid, "it must be a name without a slash, or / alone");
  for (const char* key : {"l3CacheSchema", "memBwSchema"})
    if (std::string line = node[key].text_or(""); !line.empty()) {
      if (key[0] == 'm' && !line.starts_with("MB:")) bad(node[key].path(), line, "it must begin with MB:");
      add_line(node[key], line, wish.lines);
    }
  for (const auto& item : node["schemata"].items()) add_line(item, item.text(), wish.lines);
  wish.group = closid == "/" ? resctrl : resctrl + "/" + (closid.empty() ? id : closid);
  wish.make = closid.empty() || !wish.lines.empty();
  wish.remove = closid.empty();
  if (node["enableMonitoring"].flag()) wish.monitor = wish.group + "/mon_groups/" + id;
}

Result<void> append(const std::string& file, const std::string& text) {
  UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return errno_error("cannot write " + text.substr(0, text.find('\n')) + " to", file,
                       "info/last_cmd_status of resctrl says why");
  return {};
}

// "  MB:0=100" of the file, without its indentation.
bool has_line(const std::string& schemata, const std::string& line) {
  for (const std::string& one : words_of(schemata, "\n"))
    if (size_t start = one.find_first_not_of(' '); start != one.npos && one.substr(start) == line)
      return true;
  return false;
}

Result<void> set_schemata(const IntelRdt& wish, bool made) {
  if (wish.lines.empty()) return {};
  const std::string file = wish.group + "/schemata";
  if (made || wish.remove) {
    for (const auto& line : wish.lines) RCRT_TRY(append(file, line + "\n"));
    return {};
  }
  // Somebody else's group is not changed.
  RCRT_ASSIGN(std::string now, read_file(file, 65536));
  for (const auto& line : wish.lines)
    if (!has_line(now, line))
      return error("linux.intelRdt.closID names a group of another schema", wish.group, "it lacks " + line);
  return {};
}

}  // namespace

Json IntelRdt::to_json() const {
  if (group.empty()) return Json();
  return {{"group", remove ? group : ""}, {"monitor", monitor}};
}

std::string resctrl_folder(std::string_view mountinfo) {
  for (const std::string& line : words_of(mountinfo, "\n")) {
    if (line.find(" - resctrl ") == line.npos) continue;
    const std::vector<std::string> fields = words_of(line, " ");
    return fields.size() > 4 ? fields[4] : "";
  }
  return {};
}

Result<IntelRdt> read_intel_rdt(const Json& config, const std::string& id, const std::string& resctrl) {
  IntelRdt wish;
  try {
    if (Node node = Node(&config)["linux"]["intelRdt"]; node.present()) read(node, id, resctrl, wish);
  } catch (plan_json::Bad& bad) {
    return std::unexpected(std::move(bad.error));
  }
  return wish;
}

Result<void> enter_intel_rdt(const IntelRdt& wish, pid_t pid) {
  if (wish.group.empty()) return {};
  const bool made = wish.make && mkdir(wish.group.c_str(), 0755) == 0;
  if (!made && wish.make && errno != EEXIST) return errno_error("cannot make the resctrl group", wish.group);
  if (!made && access(wish.group.c_str(), F_OK) != 0)
    return errno_error("linux.intelRdt.closID names no group", wish.group,
                       "make it, or give a schema with which it is made");
  RCRT_TRY(set_schemata(wish, made));
  RCRT_TRY(append(wish.group + "/tasks", std::to_string(pid)));
  if (wish.monitor.empty()) return {};
  if (mkdir(wish.monitor.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("cannot make the resctrl monitoring group", wish.monitor);
  return append(wish.monitor + "/tasks", std::to_string(pid));
}

Result<void> change_intel_rdt(const Json& made, const std::vector<std::string>& lines) {
  const std::string group = made.is_object() ? made.value("group", "") : "";
  if (group.empty() && !lines.empty())
    return error("container has no resctrl group of its own", lines[0],
                 "give it one: linux.intelRdt with a schema in config.json");
  for (const auto& line : lines) RCRT_TRY(append(group + "/schemata", line + "\n"));
  return {};
}

void release_intel_rdt(const Json& made) {
  if (!made.is_object()) return;
  for (const char* key : {"monitor", "group"})
    if (std::string folder = made.value(key, ""); !folder.empty()) rmdir(folder.c_str());
}

}  // namespace rcrt::oci
