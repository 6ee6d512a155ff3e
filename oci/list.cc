// SPDX-License-Identifier: MIT
// list and ps.
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/files.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

using Row = std::vector<std::string>;

void print_table(const std::vector<Row>& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == width.size()) width.push_back(0);
      width[i] = std::max(width[i], row[i].size());
    }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(width[i] + 3 - row[i].size(), ' ');
    }
    printf("%s\n", line.c_str());
  }
}

Result<int> list_command(Context& context, const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "table";
  if (format != "table" && format != "json")
    return error("invalid format", format, "use table or json", EINVAL);
  Json all = Json::array();
  for (const auto& id : all_ids(context.settings.root)) {
    auto state = context.runtime().state(id);
    if (state) all.push_back(std::move(*state));
  }
  if (arguments.flag("quiet")) {
    for (const auto& state : all) printf("%s\n", state["id"].get_ref<const std::string&>().c_str());
    return 0;
  }
  if (format == "json") {
    printf("%s\n", all.empty() ? "null" : all.dump().c_str());
    return 0;
  }
  std::vector<Row> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& state : all)
    rows.push_back({state["id"].get<std::string>(), state["pid"].dump(), state["status"].get<std::string>(),
                    state["bundle"].get<std::string>(), state["created"].get<std::string>(),
                    state["owner"].get<std::string>()});
  print_table(rows);
  return 0;
}

// What /proc says of a process, in the columns of `ps -ef`.
struct Line {
  std::string uid, pid, ppid, c, stime, tty, time, command;
};

std::string read_proc(pid_t pid, const char* file) {
  auto path = "/proc/" + std::to_string(pid) + "/" + file;
  std::string text;
  char buffer[4096];
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  for (ssize_t n; text.size() < 65536 && (n = read(fd.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  return text;
}

std::string user_name(uid_t uid) {
  // The machine's users; a container's own are numbers to it.
  auto passwd = read_file("/etc/passwd");
  std::string wanted = ":" + std::to_string(uid) + ":";
  for (size_t at = 0; passwd && at < passwd->size();) {
    size_t end = std::min(passwd->find('\n', at), passwd->size());
    std::string line = passwd->substr(at, end - at);
    size_t name = line.find(':'), password = line.find(':', name + 1);
    if (name != line.npos && password != line.npos && line.compare(password, wanted.size(), wanted) == 0)
      return line.substr(0, name);
    at = end + 1;
  }
  return std::to_string(uid);
}

std::string terminal_name(unsigned device) {
  if (device == 0) return "?";
  unsigned major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);
  if (major >= 136 && major <= 143) return "pts/" + std::to_string((major - 136) * 256 + minor);
  if (major == 4 && minor < 64) return "tty" + std::to_string(minor);
  return "?";
}

std::string start_text(unsigned long long ticks) {
  timespec boot{}, now{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &now);
  time_t when = now.tv_sec - boot.tv_sec +
                static_cast<time_t>(ticks / static_cast<unsigned long>(sysconf(_SC_CLK_TCK)));
  tm parts{};
  localtime_r(&when, &parts);
  char text[16];
  strftime(text, sizeof text, now.tv_sec - when < 86400 ? "%H:%M" : "%b%d", &parts);
  return text;
}

std::optional<Line> line_of(pid_t pid) {
  std::string stat = read_proc(pid, "stat");
  size_t name_end = stat.rfind(')'), name = stat.find('(');
  if (name == stat.npos || name_end == stat.npos) return {};
  char state = 0;
  int ppid = 0, tty = 0;
  unsigned long long utime = 0, stime = 0, start = 0;
  if (sscanf(stat.c_str() + name_end + 1,
             " %c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu", &state,
             &ppid, &tty, &utime, &stime, &start) != 6)
    return {};
  struct stat owner;
  if (::stat(("/proc/" + std::to_string(pid)).c_str(), &owner) != 0) return {};
  std::string command = read_proc(pid, "cmdline");
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::ranges::replace_if(command, [](unsigned char c) { return c < 0x20; }, ' ');
  if (command.empty()) command = "[" + stat.substr(name + 1, name_end - name - 1) + "]";
  auto seconds = (utime + stime) / static_cast<unsigned long>(sysconf(_SC_CLK_TCK));
  char time[32];
  snprintf(time, sizeof time, "%02llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return Line{user_name(owner.st_uid),
              std::to_string(pid),
              std::to_string(ppid),
              "0",
              start_text(start),
              terminal_name(static_cast<unsigned>(tty)),
              time,
              command};
}

Result<int> ps_command(Context& context, const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "table";
  if (format != "table" && format != "json")
    return error("invalid format", format, "use table or json", EINVAL);
  // Nothing is executed here: what ps(1) itself can show is shown in its -ef form.
  for (size_t i = 1; i < arguments.words.size(); ++i) {
    const std::string& word = arguments.words[i];
    if (word != "-ef" && word != "-e" && word != "-f" && word != "-A" && word != "aux" && word != "ax")
      return error("unknown ps option", word,
                   "-ef is what is shown; for more use ps(1) with the pids of --format json");
  }
  RCRT_ASSIGN(auto pids, context.runtime().processes(arguments.words[0]));
  if (format == "json") {
    printf("%s\n", Json(pids).dump().c_str());
    return 0;
  }
  std::vector<Row> rows = {{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}};
  for (pid_t pid : pids)
    if (auto line = line_of(pid))
      rows.push_back(
          {line->uid, line->pid, line->ppid, line->c, line->stime, line->tty, line->time, line->command});
  print_table(rows);
  return 0;
}

}  // namespace

std::vector<Command> list_commands() {
  return {
      {"list",
       "[OPTIONS]",
       "list containers",
       0,
       0,
       false,
       {{"format", 'f', "FORMAT", "table or json"}, {"quiet", 'q', nullptr, "print IDs only"}},
       list_command},
      {"ps",
       "[OPTIONS] ID [PS OPTIONS]",
       "list the processes of a container",
       1,
       SIZE_MAX,
       true,
       {{"format", 'f', "FORMAT", "table or json"}},
       ps_command},
  };
}

}  // namespace rcrt::oci
