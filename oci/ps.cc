// SPDX-License-Identifier: MIT
// ps: the processes of a container as ps(1) would show them. No ps is executed.
#include <cstdio>
#include <vector>

#include "oci/command.h"
#include "oci/ps/report.h"

namespace rcrt::oci {
namespace {

Result<int> ps_command(Context& context, const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "table";
  if (format != "table" && format != "json")
    return error("invalid format", format, "use table or json", EINVAL);
  RCRT_ASSIGN(auto pids, context.runtime().processes(arguments.words[0]));
  if (format == "json") {
    printf("%s\n", Json(pids).dump().c_str());
    return 0;
  }
  std::vector<std::string> options(arguments.words.begin() + 1, arguments.words.end());
  if (options.empty()) options = {"-ef"};
  RCRT_ASSIGN(const std::string lines, ps::report(std::move(pids), options));
  fputs(lines.c_str(), stdout);
  return 0;
}

}  // namespace

std::vector<Command> ps_commands() {
  return {{"ps",
           "[OPTIONS] ID [PS OPTIONS]",
           "list the processes of a container, with the options of ps(1)",
           1,
           SIZE_MAX,
           true,
           {{"format", 'f', "FORMAT", "table or json"}},
           ps_command}};
}

}  // namespace rcrt::oci
