// SPDX-License-Identifier: MIT
// spec and features.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "core/oci/default_spec.h"
#include "core/oci/features.h"
#include "oci/command.h"

namespace rcrt::oci {
namespace {

Result<int> spec_command(Context&, const Arguments& arguments) {
  std::string bundle = arguments.text("bundle");
  std::string path = (bundle.empty() ? std::string(".") : bundle) + "/config.json";
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file && errno == EEXIST) return error("file config.json exists", path, "remove it first", EEXIST);
  if (!file) return errno_error("cannot create", path);
  std::string text = default_spec(arguments.flag("rootless")).dump(4) + "\n";
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return errno_error("cannot write", path);
  return 0;
}

Result<int> features_command(Context&, const Arguments&) {
  printf("%s\n", features().dump(2).c_str());
  return 0;
}

}  // namespace

std::vector<Command> about_commands() {
  return {
      {"spec",
       "[OPTIONS]",
       "write a config.json to begin with",
       0,
       0,
       false,
       {{"bundle", 'b', "DIR", "the bundle's folder (the working directory)"},
        {"rootless", 0, nullptr, "one for a user who is not root"}},
       spec_command},
      {"features", "", "print what this program supports as JSON", 0, 0, false, {}, features_command},
  };
}

}  // namespace rcrt::oci
