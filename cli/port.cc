// SPDX-License-Identifier: MIT
#include "cli/command.h"
#include "cli/describe.h"

namespace rcrt::cli {

Result<int> port_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt port CONTAINER [PORT[/PROTO]]";
  RCRT_ASSIGN(auto line, context.parse(usage, po::options_description("Options of port"), args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 2, usage));
  RCRT_ASSIGN(const Container container, context.container(line->words[0]));
  if (container.status != Status::running)
    return error("container is not running", container.name(), "see `rcrt ps -a`", ESRCH);
  const auto ports = published_ports(container);
  if (line->words.size() == 1) {
    for (const auto& [port, outside] : ports) printf("%s -> %s\n", port.c_str(), outside.c_str());
    return 0;
  }
  RCRT_ASSIGN(const auto asked, parse_expose(line->words[1]));
  bool found = false;
  for (const PublishedPort& one : asked)
    for (const auto& [port, outside] : ports) {
      if (port != std::to_string(one.container_port) + "/" + one.protocol) continue;
      printf("%s\n", outside.c_str());
      found = true;
    }
  if (!found)
    return error("port is not published", line->words[1], "see `rcrt port " + container.name() + "`", ENOENT);
  return 0;
}

}  // namespace rcrt::cli
