// SPDX-License-Identifier: MIT
#include "core/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/files.h"

namespace rcrt {
namespace {

// The members by hand: requests are long, and a document of all would be a copy.
std::string line_of(const std::string& step, const std::string& plugin, const Json& request) {
  return "{\"plugin\":" + Json(plugin).dump() + ",\"request\":" + request.dump() +
         ",\"step\":" + Json(step).dump() + "}\n";
}

}  // namespace

Result<Journal> Journal::open(const std::string& state_folder) {
  Journal journal;
  journal.path_ = state_folder + "/journal";
  journal.fd_.reset(::open(journal.path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!journal.fd_) return errno_error("cannot open journal", journal.path_);
  return journal;
}

Result<void> Journal::append(const std::string& step, const std::string& plugin, const Json& request) {
  std::string line = line_of(step, plugin, request);
  ssize_t n = write(fd_.get(), line.data(), line.size());
  if (n != static_cast<ssize_t>(line.size())) return errno_error("cannot write journal", path_);
  return {};
}

Result<std::vector<JournalEntry>> Journal::read(const std::string& state_folder) {
  auto text = read_file(state_folder + "/journal");
  std::vector<JournalEntry> entries;
  if (!text && text.error().code == ENOENT) return entries;
  if (!text) return std::unexpected(text.error());
  for (size_t start = 0, end; (end = text->find('\n', start)) != std::string::npos; start = end + 1) {
    Json json = Json::parse(text->begin() + static_cast<ptrdiff_t>(start),
                            text->begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    if (!json.is_object() || !json["step"].is_string()) continue;
    const Json &plugin = json["plugin"], &request = json["request"];
    entries.push_back({json["step"].get<std::string>(), plugin.is_string() ? plugin.get<std::string>() : "",
                       request.is_object() ? request : Json::object()});
  }
  return entries;
}

Result<void> Journal::replace(const std::string& state_folder, const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const auto& entry : entries) text += line_of(entry.step, entry.plugin, entry.request);
  return write_file(state_folder + "/journal", text);
}

}  // namespace rcrt
