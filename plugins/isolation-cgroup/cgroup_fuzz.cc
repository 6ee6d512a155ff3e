// SPDX-License-Identifier: MIT
// What the kernel says of cgroups, paths of other programs, and resources of a config.json.
#include <cstddef>
#include <cstdlib>

#include "devices.h"
#include "hierarchy.h"
#include "resources.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool one_line(const std::string& text) {
  return text.find_first_of(std::string_view("\n\0", 2)) == text.npos;
}

void kernel_text(std::string_view text) {
  using namespace rcrt::cgroup;
  const CgroupMounts mounts = parse_mountinfo(text);
  (void)missing_controller("memory", mounts, text, "/sys/fs/cgroup");
  (void)missing_controller("io", {}, text, "/sys/fs/cgroup");
  (void)word_set(text);
  (void)flat_value(text, "populated");
}

void path(const std::string& text) {
  auto parts = rcrt::cgroup::split_path(text);
  if (!parts) return;
  require(!parts->empty());
  for (const auto& part : *parts)
    require(!part.empty() && part != "." && part != ".." && part.find('/') == part.npos && one_line(part));
}

// What is written to a file is one setting: nothing can smuggle a second one.
void settings(const rcrt::sdk::Json& json) {
  for (bool updating : {false, true}) {
    auto converted = rcrt::cgroup::convert(json, updating);
    if (!converted) continue;
    for (const auto& setting : converted->list) {
      require(one_line(setting.value) && one_line(setting.other_value));
      for (const auto* file : {&setting.file, &setting.other_file})
        require(one_line(*file) && file->find('/') == file->npos);
    }
  }
  if (auto rules = rcrt::cgroup::parse_device_rules(json)) (void)rcrt::cgroup::device_program(*rules);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  kernel_text(text);
  path(text);
  auto json = rcrt::sdk::Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) settings(json);
  return 0;
}
