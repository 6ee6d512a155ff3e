// SPDX-License-Identifier: MIT
// mounts add and remove: a container's mounts while it runs.
#include "core/files.h"
#include "core/oci/strict_json.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

// An array, as the member of a configuration.
Result<Json> mounts_in(const std::string& file) {
  RCRT_ASSIGN(std::string text, read_file(file, kMaxJson));
  RCRT_ASSIGN(Json config, parse_strict("{\"mounts\":" + text + "}", file));
  Json& mounts = config["mounts"];
  if (config.size() != 1 || !mounts.is_array())
    return error("not an array of mounts", file, "give what \"mounts\" of a config.json holds", EINVAL);
  return std::move(mounts);
}

Result<int> mounts_command(Context& context, const Arguments& arguments) {
  const std::string& verb = arguments.words[0];
  if (verb != "add" && verb != "remove")
    return error("no such command", "mounts " + verb, "use add or remove", EINVAL);
  RCRT_ASSIGN(Json mounts, mounts_in(arguments.words[2]));
  if (verb == "remove")
    for (Json& mount : mounts)
      if (mount.is_object())
        mount = {
            {"destination", mount.value("destination", Json())}, {"type", "none"}, {"options", {"remount"}}};
  RCRT_TRY(context.runtime().change_mounts(arguments.words[1], mounts, verb == "add"));
  return 0;
}

}  // namespace

std::vector<Command> mounts_commands() {
  return {{"mounts",
           "add|remove ID FILE",
           "change the mounts of a running container: FILE is a JSON array of them",
           3,
           3,
           false,
           {},
           mounts_command}};
}

}  // namespace rcrt::oci
