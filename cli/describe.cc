// SPDX-License-Identifier: MIT
#include "cli/describe.h"

#include "cli/format.h"

namespace rcrt::cli {
namespace {

Json state_of(const Container& container) {
  bool running = container.status == Status::running;
  Json state = {{"Status", status_name(container.status)},
                {"Running", running},
                {"Paused", false},
                {"Restarting", false},
                {"OOMKilled", container.exit && container.exit->oom_killed},
                {"Dead", container.status == Status::dead},
                {"Pid", running ? container.pid() : 0},
                {"ExitCode", container.exit ? container.exit->exit_code : 0},
                {"Error", ""},
                {"StartedAt", timestamp(container.state.value(
                                  "startedAt", container.config.value("startedAt", int64_t{0})))},
                {"FinishedAt", timestamp(container.exit ? container.exit->finished_at : 0)}};
  if (container.exit && container.exit->oom_killed)
    state["Error"] = "killed by the kernel: memory limit reached";
  if (container.exit && container.exit->lost)
    state["Error"] = "the exit status is lost: rcrt-monitor was killed, or the machine went down";
  return state;
}

// What of the command is the entrypoint: the user's, or the image's.
Json entrypoint_of(const Json& config, const std::vector<std::string>& args) {
  const Json kept = config.value("kept", Json::object());
  Json entrypoint = config.value("asked", Json::object()).value("entrypoint", Json());
  if (!entrypoint.is_array())
    entrypoint = kept.value("imageConfig", Json::object()).value("Entrypoint", Json());
  const Json all = args;
  const bool begins = entrypoint.is_array() && entrypoint.size() <= all.size() &&
                      std::equal(entrypoint.begin(), entrypoint.end(), all.begin());
  return begins ? entrypoint : Json::array();
}

// "10.89.0.2/16" -> address and prefix length.
void put_address(Json& network, const std::string& text, const std::string& gateway) {
  auto slash = text.find('/');
  std::string address = text.substr(0, slash);
  int prefix = slash == std::string::npos ? 0 : atoi(text.c_str() + slash + 1);
  bool six = address.find(':') != std::string::npos;
  network[six ? "GlobalIPv6Address" : "IPAddress"] = address;
  network[six ? "GlobalIPv6PrefixLen" : "IPPrefixLen"] = prefix;
  network[six ? "IPv6Gateway" : "Gateway"] = gateway;
}

Json network_settings(const Container& container) {
  Json settings = {{"IPAddress", ""},         {"IPPrefixLen", 0},         {"Gateway", ""},
                   {"GlobalIPv6Address", ""}, {"GlobalIPv6PrefixLen", 0}, {"IPv6Gateway", ""},
                   {"MacAddress", ""},        {"Ports", Json::object()},  {"Networks", Json::object()}};
  bool addressed = false;  // by the first network that gives an address
  for (const auto& attached : container.state.value("networks", Json::array())) {
    const Json& result = attached["result"];
    Json network = {{"IPAddress", ""},         {"IPPrefixLen", 0},         {"Gateway", ""},
                    {"GlobalIPv6Address", ""}, {"GlobalIPv6PrefixLen", 0}, {"IPv6Gateway", ""},
                    {"MacAddress", ""},        {"Aliases", Json::array()}};
    for (const auto& address : result.value("addresses", Json::array()))
      put_address(network, address.value("address", ""), address.value("gateway", ""));
    for (const auto& interface : result.value("interfaces", Json::array()))
      network["MacAddress"] = interface.value("mac", "");
    settings["Networks"][attached.value("name", "")] = network;
    if (!addressed)
      for (const auto& [key, value] : network.items())
        if (settings.contains(key)) settings[key] = value;
    addressed = addressed || network["IPAddress"] != "" || network["GlobalIPv6Address"] != "";
    settings["Ports"].update(port_bindings(ports_of(result)));
  }
  for (const auto& port : only_exposed(container, settings["Ports"])) settings["Ports"][port] = nullptr;
  if (container.state.contains("pid"))
    settings["SandboxKey"] = "/proc/" + std::to_string(container.pid()) + "/ns/net";
  return settings;
}

}  // namespace

std::vector<std::string> networks_of(const Container& container) {
  if (container.status != Status::running)
    return container.config.value("networks", std::vector<std::string>());
  std::vector<std::string> names;
  for (const auto& attached : container.state.value("networks", Json::array()))
    names.push_back(attached.value("name", ""));
  if (container.config.value("hostNetwork", false)) names.emplace_back("host");
  return names;
}

Json mounts_of(const Container& container) {
  Json list = Json::array();
  for (const auto& mount : container.config.value("spec", Json::object()).value("mounts", Json::array())) {
    if (mount.value("type", "") != "bind") continue;
    std::string destination = mount.value("destination", "");
    if (destination == "/etc/hosts" || destination == "/etc/hostname" || destination == "/etc/resolv.conf")
      continue;
    bool writable = true;
    std::string propagation;
    for (const auto& word : mount.value("options", std::vector<std::string>())) {
      if (word == "ro" || word == "rro") writable = false;
      if (word.ends_with("private") || word.ends_with("shared") || word.ends_with("slave"))
        propagation = word;
    }
    list.push_back({{"Type", "bind"},
                    {"Source", mount.value("source", "")},
                    {"Destination", destination},
                    {"Mode", writable ? "" : "ro"},
                    {"RW", writable},
                    {"Propagation", propagation}});
    for (const auto& volume : container.config.value("volumes", Json::array()))
      if (volume.value("target", "") == destination)
        list.back().update({{"Type", "volume"}, {"Name", volume.value("name", "")}, {"Driver", "local"}});
  }
  return list;
}

Json describe(const Container& container, const Paths& paths) {
  const Json& config = container.config;
  Json spec = config.value("spec", Json::object());
  Json process = spec.value("process", Json::object());
  auto args = process.value("args", std::vector<std::string>());
  std::string etc = config.value("etcFolder", "");
  if (etc.empty()) etc = paths.container_state(container.id);
  const Json entrypoint = entrypoint_of(config, args);
  Json volumes = Json::object();
  for (const auto& volume : config.value("volumes", Json::array()))
    volumes[volume.value("target", "")] = Json::object();
  Json exposed = Json::object();
  for (const auto& port : config.value("exposed", std::vector<std::string>())) exposed[port] = Json::object();
  return {{"Id", container.id},
          {"Created", timestamp(config.value("created", int64_t{0}))},
          {"Path", args.empty() ? "" : args[0]},
          {"Args", std::vector<std::string>(args.empty() ? args.end() : args.begin() + 1, args.end())},
          {"State", state_of(container)},
          {"Image", config.value("imageId", "")},
          {"ResolvConfPath", etc + "/resolv.conf"},
          {"HostnamePath", etc + "/hostname"},
          {"HostsPath", etc + "/hosts"},
          {"LogPath", config.value("logPath", "")},
          {"Name", "/" + container.name()},
          {"RestartCount", 0},
          {"Driver", config.value("storage", "")},
          {"Platform", "linux"},
          {"Mounts", mounts_of(container)},
          {"GraphDriver", {{"Name", config.value("storage", "")}, {"Data", Json::object()}}},
          {"HostConfig", describe_host_config(container)},
          {"Config",
           {{"Hostname", config.value("hostname", "")},
            {"Domainname", config.value("domainname", "")},
            {"User", config.value("user", "")},
            {"Tty", process.value("terminal", false)},
            {"OpenStdin", config.value("interactive", false)},
            {"Env", process.value("env", Json::array())},
            {"Entrypoint", entrypoint},
            {"Cmd",
             std::vector<std::string>(args.begin() + static_cast<ptrdiff_t>(entrypoint.size()), args.end())},
            {"Volumes", volumes},
            {"Image", config.value("image", "")},
            {"WorkingDir", process.value("cwd", "/")},
            {"Labels", config.value("labels", Json::object())},
            {"ExposedPorts", exposed},
            {"StopSignal", config.value("stopSignal", "")},
            {"StopTimeout", config.value("stopTimeout", 10)}}},
          {"NetworkSettings", network_settings(container)}};
}

std::string status_text(const Container& container) {
  switch (container.status) {
    case Status::created:
    case Status::creating:
      return "Created";
    case Status::running:
      return "Up " + age(container.state.value("startedAt", int64_t{0}));
    case Status::exited:
      return "Exited (" + std::to_string(container.exit->exit_code) + ") " +
             age(container.exit->finished_at) + " ago";
    case Status::dead:
      return "Dead";
  }
  return {};
}

std::string command_text(const Container& container) {
  Json process = container.config.value("spec", Json::object()).value("process", Json::object());
  std::string text;
  for (const auto& arg : process.value("args", std::vector<std::string>()))
    text += (text.empty() ? "" : " ") + arg;
  return text;
}

}  // namespace rcrt::cli
