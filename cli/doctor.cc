// SPDX-License-Identifier: MIT
#include <rcrt/isolation.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/command.h"
#include "core/files.h"

namespace rcrt::cli {
namespace {

Json finding(bool ok, std::string what, std::string cure = {}) {
  return {{"ok", ok}, {"what", std::move(what)}, {"cure", ok ? "" : std::move(cure)}};
}

void add(Json& findings, const std::string& source, const Result<Json>& result) {
  if (!result) {
    findings.push_back(finding(false, source + ": " + result.error().message(), "see the message"));
    return;
  }
  for (auto entry : result->value("findings", Json::array())) {
    entry["what"] = source + ": " + entry.value("what", "");
    findings.push_back(std::move(entry));
  }
}

void kernel(Json& findings) {
  utsname name{};
  uname(&name);
  int major = 0, minor = 0;
  sscanf(name.release, "%d.%d", &major, &minor);
  findings.push_back(finding(major > 5 || (major == 5 && minor >= 15), std::string("kernel ") + name.release,
                             "rcrt needs Linux 5.15 or later; 6.1 is what it is tested on"));
  for (const char* type : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    bool there = access((std::string("/proc/self/ns/") + type).c_str(), F_OK) == 0;
    findings.push_back(finding(there, std::string(type) + " namespaces",
                               std::string("enable CONFIG_") + type + "_NS in the kernel"));
  }
  auto filesystems = read_file("/proc/filesystems");
  for (const char* type : {"overlay", "tmpfs", "cgroup2", "mqueue"}) {
    bool there = filesystems && filesystems->find(std::string("\t") + type + "\n") != std::string::npos;
    findings.push_back(
        finding(there, std::string("file system ") + type, std::string("load the module: modprobe ") + type));
  }
}

void plugins(Engine& engine, Json& findings) {
  for (const auto& file : engine.plugins().list()) {
    std::string name = "plugin " + file.kind + "-" + file.name;
    if (!file.problem.empty()) {
      findings.push_back(finding(false, name + ": " + file.problem, "mend or remove " + file.path));
      continue;
    }
    auto plugin = engine.plugins().load(file.kind, file.name);
    if (!plugin) {
      findings.push_back(
          finding(false, name + ": " + plugin.error().message(), "mend or remove " + file.path));
      continue;
    }
    findings.push_back(finding(true, name));
    if (file.kind == "net") add(findings, name, engine.network_call(file.name, "doctor"));
    if (file.kind == "isolation") {
      const auto* table = (*plugin)->get<rcrt_isolation_v1>(RCRT_ISOLATION_V1);
      auto reply = (*plugin)->call(table->doctor, "doctor", {{"cache_dir", engine.paths().cache()}});
      add(findings, name, reply ? Result<Json>(std::move(reply->result)) : std::unexpected(reply.error()));
    }
  }
}

}  // namespace

Result<int> doctor_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of doctor");
  own.add_options()("json", toggle(), "one JSON array");
  RCRT_ASSIGN(auto line, context.parse("rcrt doctor", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, 0, "rcrt doctor"));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  Json findings = Json::array();
  kernel(findings);
  findings.push_back(finding(access(engine->paths().monitor().c_str(), X_OK) == 0,
                             "rcrt-monitor " + engine->paths().monitor(), "install rcrt completely"));
  findings.push_back(finding(access(engine->paths().embedded_image().c_str(), R_OK) == 0,
                             "embedded image " + engine->paths().embedded_image(),
                             "install rcrt completely"));
  plugins(*engine, findings);
  bool healthy = true;
  for (const auto& entry : findings) {
    healthy = healthy && entry.value("ok", false);
    if (line->flag("json")) continue;
    printf("%-4s %s\n", entry.value("ok", false) ? "ok" : "LACK", entry.value("what", "").c_str());
    if (std::string cure = entry.value("cure", ""); !cure.empty()) printf("     cure: %s\n", cure.c_str());
  }
  if (line->flag("json")) printf("%s\n", findings.dump(2).c_str());
  return healthy ? 0 : 1;
}

}  // namespace rcrt::cli
