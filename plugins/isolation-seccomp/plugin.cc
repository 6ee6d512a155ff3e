// SPDX-License-Identifier: MIT
// isolation-seccomp: which system calls the container may make. Compiles a profile
// once and keeps the result by its content; later containers only open a file.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <rcrt/plugin.hpp>

#include "base/fault.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cache.h"
#include "compile.h"
#include "profile.h"
#include "sha256.h"

namespace rcrt::seccomp {
namespace {

using sdk::Call;
using sdk::Json;

constexpr char kVersion[] = "0.2.0";
constexpr size_t kMaxProfile = 1 << 20;

// What the user said in --security-opt seccomp=...; the last word counts.
std::string asked_for(const Json& request) {
  std::string choice;
  auto words = request.find("security_opt");
  if (words == request.end() || !words->is_array()) return choice;
  for (const auto& word : *words) {
    const std::string* text = word.get_ptr<const std::string*>();
    if (text && (text->starts_with("seccomp=") || text->starts_with("seccomp:"))) choice = text->substr(8);
  }
  return choice;
}

sdk::Expected<std::string> read_profile(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info;
  if (!file || ::fstat(file.get(), &info) != 0)
    return sdk::fail_errno("cannot open seccomp profile", path,
                           "--security-opt seccomp= takes a file or the word \"unconfined\"");
  if (!S_ISREG(info.st_mode)) return sdk::fail(EINVAL, "seccomp profile is not a regular file", path);
  if (static_cast<uint64_t>(info.st_size) > kMaxProfile)
    return sdk::fail(EFBIG, "seccomp profile is too large", path, "at most 1 MiB");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t got = 0;
  while (got < text.size()) {
    ssize_t n = ::read(file.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sdk::fail_errno("cannot read seccomp profile", path);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  text.resize(got);
  return text;
}

sdk::Expected<Json> parse_text(const std::string& text, const std::string& path) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    return sdk::fail(EINVAL, "seccomp profile is not JSON", path, "see byte " + std::to_string(e.byte));
  }
}

// Everything the compiled program depends on.
std::string cache_key(std::string_view content, const Target& target) {
  utsname kernel{};
  (void)::uname(&kernel);
  std::string text = std::string(kVersion) + "\n" + target.architecture + "\n" + kernel.release + "\n";
  for (const auto& capability : target.capabilities) text += capability + " ";
  text += "\n";
  text += content;
  return sha256_hex(text);
}

std::string default_content() {
  char text[32];
  std::snprintf(text, sizeof text, "default %016" PRIx64, default_profile_version());
  return text;
}

// Compiles, and keeps the result for next time if there is a place for it.
sdk::Expected<UniqueFd> make_program(Call& call, const Profile& profile, const std::string& key) {
  RCRT_ASSIGN(Program program, compile(profile));
  program = by_ranges(program);
  fault_point("seccomp: compiled");
  const std::string cache_dir = call.text("cache_dir");
  if (!cache_dir.empty()) {
    auto stored = store(cache_dir, key, program);
    if (stored) return stored;
    const sdk::Failure& why = stored.error();
    call.warn(why.what + " \"" + why.object + "\": " + std::strerror(why.code) + ", ignoring");
  }
  return in_memory(program);
}

sdk::Status prepare(Call& call) {
  const Json& request = call.request();
  auto oci = request.find("seccomp");
  const bool from_oci = oci != request.end() && !oci->is_null();
  std::string choice = from_oci ? std::string() : asked_for(request);
  if (choice == "unconfined") return {};
  const bool built_in = !from_oci && (choice.empty() || choice == "builtin" || choice == "default");
  if (built_in && call.flag("privileged")) return {};

  std::set<std::string> capabilities;
  if (auto list = request.find("capabilities"); list != request.end() && list->is_array())
    for (const auto& name : *list) capabilities.insert(name.get<std::string>());
  const Target target = target_of(capabilities);

  std::string content;
  if (built_in) {
    content = default_content();
  } else if (from_oci) {
    content = oci->dump();
  } else {
    RCRT_ASSIGN(content, read_profile(choice));
  }
  const std::string key = cache_key(content, target);
  UniqueFd program = cached(call.text("cache_dir"), key);
  fault_point("seccomp: cache asked");

  // A cached program needs its profile only for the flags that go with it.
  const bool has_flags = !built_in && content.find("\"flags\"") != content.npos;
  std::vector<std::string> flags;
  if (!program || has_flags) {
    Profile profile;
    if (built_in) {
      profile = default_profile(target);
    } else if (from_oci) {
      RCRT_ASSIGN(profile, parse_profile(*oci, target, "linux.seccomp"));
    } else {
      RCRT_ASSIGN(Json json, parse_text(content, choice));
      RCRT_ASSIGN(profile, parse_profile(json, target, choice + ":$"));
    }
    flags = profile.flags;
    if (!program) {
      RCRT_ASSIGN(program, make_program(call, profile, key));
    }
  }
  if (!flags.empty()) call.result({{"seccompFlags", flags}});
  call.give_fd("seccomp", program.release());
  return {};
}

constexpr rcrt_isolation_v1 kIsolation = {
    .size = sizeof(rcrt_isolation_v1),
    .prepare = RCRT_FUNCTION(prepare),
};

}  // namespace
}  // namespace rcrt::seccomp

RCRT_PLUGIN("isolation-seccomp", "0.1.0", "limits the system calls a container may make", "MIT",
            {RCRT_ISOLATION_V1, &rcrt::seccomp::kIsolation});
