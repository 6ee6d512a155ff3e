// SPDX-License-Identifier: MIT
// Reads docker's profile format, of which OCI's linux.seccomp is a part. Every error
// names the JSON path.
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "profile.h"

namespace rcrt::seccomp {
namespace {

using sdk::Json;

struct Bad {  // travels up to parse_profile
  std::string path, why;
  int code = EINVAL;
};

const Json* member(const Json& object, const char* name) {
  auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string text(const Json& value, const std::string& path) {
  if (!value.is_string()) throw Bad{path, "must be a string"};
  return value.get<std::string>();
}

uint64_t number(const Json& value, const std::string& path, uint64_t max) {
  if (!value.is_number_integer()) throw Bad{path, "must be a whole number"};
  if (!value.is_number_unsigned() && value.get<int64_t>() < 0) throw Bad{path, "must not be negative"};
  uint64_t found = value.get<uint64_t>();
  if (found > max) throw Bad{path, "must be at most " + std::to_string(max)};
  return found;
}

template <typename Function>
void each(const Json& object, const char* name, const std::string& path, Function function) {
  const Json* list = member(object, name);
  if (!list) return;
  std::string here = path + "." + name;
  if (!list->is_array()) throw Bad{here, "must be an array"};
  for (size_t i = 0; i < list->size(); ++i) function((*list)[i], here + "[" + std::to_string(i) + "]");
}

std::vector<std::string> texts(const Json& object, const char* name, const std::string& path) {
  std::vector<std::string> list;
  each(object, name, path,
       [&](const Json& entry, const std::string& here) { list.push_back(text(entry, here)); });
  return list;
}

Action action_of(const std::string& name, const std::string& path) {
  static constexpr std::pair<const char*, Action> kNames[] = {{"SCMP_ACT_KILL", Action::kKillThread},
                                                              {"SCMP_ACT_KILL_THREAD", Action::kKillThread},
                                                              {"SCMP_ACT_KILL_PROCESS", Action::kKillProcess},
                                                              {"SCMP_ACT_TRAP", Action::kTrap},
                                                              {"SCMP_ACT_ERRNO", Action::kErrno},
                                                              {"SCMP_ACT_TRACE", Action::kTrace},
                                                              {"SCMP_ACT_ALLOW", Action::kAllow},
                                                              {"SCMP_ACT_LOG", Action::kLog},
                                                              {"SCMP_ACT_NOTIFY", Action::kNotify}};
  for (const auto& [known, action] : kNames)
    if (name == known) return action;
  throw Bad{path,
            "is no seccomp action: use SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD, _LOG, "
            "_NOTIFY, _TRACE or _TRAP"};
}

Compare compare_of(const std::string& name, const std::string& path) {
  static constexpr std::pair<const char*, Compare> kNames[] = {
      {"SCMP_CMP_NE", Compare::kNotEqual},          {"SCMP_CMP_LT", Compare::kLess},
      {"SCMP_CMP_LE", Compare::kLessEqual},         {"SCMP_CMP_EQ", Compare::kEqual},
      {"SCMP_CMP_GE", Compare::kGreaterEqual},      {"SCMP_CMP_GT", Compare::kGreater},
      {"SCMP_CMP_MASKED_EQ", Compare::kMaskedEqual}};
  for (const auto& [known, op] : kNames)
    if (name == known) return op;
  throw Bad{path, "is no seccomp comparison: use SCMP_CMP_EQ, _NE, _LT, _LE, _GT, _GE or _MASKED_EQ"};
}

// "SCMP_ARCH_X86_64" as libseccomp's "x86_64".
std::string architecture_of(const std::string& name, const std::string& path) {
  static constexpr std::pair<const char*, const char*> kNames[] = {{"SCMP_ARCH_X86", "x86"},
                                                                   {"SCMP_ARCH_X86_64", "x86_64"},
                                                                   {"SCMP_ARCH_X32", "x32"},
                                                                   {"SCMP_ARCH_ARM", "arm"},
                                                                   {"SCMP_ARCH_AARCH64", "aarch64"},
                                                                   {"SCMP_ARCH_MIPS", "mips"},
                                                                   {"SCMP_ARCH_MIPS64", "mips64"},
                                                                   {"SCMP_ARCH_MIPS64N32", "mips64n32"},
                                                                   {"SCMP_ARCH_MIPSEL", "mipsel"},
                                                                   {"SCMP_ARCH_MIPSEL64", "mipsel64"},
                                                                   {"SCMP_ARCH_MIPSEL64N32", "mipsel64n32"},
                                                                   {"SCMP_ARCH_PPC", "ppc"},
                                                                   {"SCMP_ARCH_PPC64", "ppc64"},
                                                                   {"SCMP_ARCH_PPC64LE", "ppc64le"},
                                                                   {"SCMP_ARCH_S390", "s390"},
                                                                   {"SCMP_ARCH_S390X", "s390x"},
                                                                   {"SCMP_ARCH_PARISC", "parisc"},
                                                                   {"SCMP_ARCH_PARISC64", "parisc64"},
                                                                   {"SCMP_ARCH_RISCV64", "riscv64"},
                                                                   // libseccomp learned them later;
                                                                   // no such program runs here.
                                                                   {"SCMP_ARCH_LOONGARCH64", ""},
                                                                   {"SCMP_ARCH_M68K", ""},
                                                                   {"SCMP_ARCH_SH", ""},
                                                                   {"SCMP_ARCH_SHEB", ""}};
  for (const auto& [known, plain] : kNames)
    if (name == known) return plain;
  throw Bad{path, "is no architecture: use SCMP_ARCH_X86_64 or another of the runtime specification"};
}

std::string go_name(const std::string& architecture) {
  if (architecture == "x86_64") return "amd64";
  if (architecture == "aarch64") return "arm64";
  return architecture;
}

// Whether every stated condition holds (includes) or any does (excludes).
struct Conditions {
  std::vector<std::string> capabilities, architectures;
  std::optional<std::pair<unsigned, unsigned>> kernel;
};

Conditions conditions(const Json& rule, const char* name, const std::string& path) {
  Conditions found;
  const Json* object = member(rule, name);
  if (!object) return found;
  std::string here = path + "." + name;
  if (!object->is_object()) throw Bad{here, "must be an object"};
  found.capabilities = texts(*object, "caps", here);
  found.architectures = texts(*object, "arches", here);
  if (const Json* kernel = member(*object, "minKernel")) {
    std::string version = text(*kernel, here + ".minKernel");
    unsigned major = 0, minor = 0;
    char rest = 0;
    if (std::sscanf(version.c_str(), "%4u.%4u%c", &major, &minor, &rest) != 2)
      throw Bad{here + ".minKernel", "must be a version such as \"4.8\""};
    found.kernel = {major, minor};
  }
  return found;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  for (const auto& w : list)
    if (w == word) return true;
  return false;
}

bool applies(const Json& rule, const Target& target, const std::string& path) {
  const std::pair<unsigned, unsigned> kernel{target.kernel_major, target.kernel_minor};
  Conditions without = conditions(rule, "excludes", path), with = conditions(rule, "includes", path);
  if (contains(without.architectures, target.architecture)) return false;
  for (const auto& capability : without.capabilities)
    if (target.capabilities.contains(capability)) return false;
  if (without.kernel && kernel >= *without.kernel) return false;
  if (!with.architectures.empty() && !contains(with.architectures, target.architecture)) return false;
  for (const auto& capability : with.capabilities)
    if (!target.capabilities.contains(capability)) return false;
  return !with.kernel || kernel >= *with.kernel;
}

unsigned errno_of(const Json& object, const char* name, Action action, const std::string& path) {
  const Json* value = member(object, name);
  if (!value) return action == Action::kErrno || action == Action::kTrace ? EPERM : 0;
  std::string here = path + "." + name;
  if (action != Action::kErrno && action != Action::kTrace) throw Bad{here, "has no meaning for this action"};
  // The kernel's MAX_ERRNO; a tracer's message is 16 bits.
  return static_cast<unsigned>(number(*value, here, action == Action::kErrno ? 4095 : 65535));
}

std::vector<Argument> arguments(const Json& rule, const std::string& path) {
  std::vector<Argument> list;
  each(rule, "args", path, [&](const Json& entry, const std::string& here) {
    if (!entry.is_object()) throw Bad{here, "must be an object"};
    Argument argument;
    const Json *index = member(entry, "index"), *value = member(entry, "value"), *op = member(entry, "op");
    if (!index || !value || !op) throw Bad{here, "needs \"index\", \"value\" and \"op\""};
    argument.index = static_cast<unsigned>(number(*index, here + ".index", 5));
    argument.value = number(*value, here + ".value", UINT64_MAX);
    if (const Json* two = member(entry, "valueTwo"))
      argument.value_two = number(*two, here + ".valueTwo", UINT64_MAX);
    argument.op = compare_of(text(*op, here + ".op"), here + ".op");
    list.push_back(argument);
  });
  return list;
}

void add_rule(Profile& profile, const Json& entry, const Target& target, const std::string& path) {
  if (!entry.is_object()) throw Bad{path, "must be an object"};
  Rule rule;
  rule.names = texts(entry, "names", path);
  if (const Json* name = member(entry, "name")) {
    if (!rule.names.empty()) throw Bad{path, "has both \"name\" and \"names\"; use one"};
    rule.names = {text(*name, path + ".name")};
  }
  if (rule.names.empty()) throw Bad{path + ".names", "must name a system call"};
  const Json* action = member(entry, "action");
  if (!action) throw Bad{path + ".action", "is missing"};
  rule.action = action_of(text(*action, path + ".action"), path + ".action");
  if (rule.action == Action::kNotify)
    for (const auto& name : rule.names)
      // The listener's number is written to the runtime after the filter is loaded.
      if (name == "write") throw Bad{path + ".names", "must not have \"write\" with SCMP_ACT_NOTIFY"};
  rule.errno_value = errno_of(entry, "errnoRet", rule.action, path);
  rule.arguments = arguments(entry, path);
  if (!applies(entry, target, path)) return;
  // Several conditions on one argument are alternatives, as runc reads them: libseccomp
  // takes an argument once a rule.
  unsigned seen[6] = {};
  bool repeated = false;
  for (const auto& argument : rule.arguments) repeated = ++seen[argument.index] > 1 || repeated;
  if (!repeated) {
    profile.rules.push_back(std::move(rule));
    return;
  }
  for (const auto& argument : rule.arguments)
    profile.rules.push_back({rule.names, rule.action, rule.errno_value, {argument}});
}

void add_architectures(Profile& profile, const Json& json, const Target& target, const std::string& where) {
  for (const char* name : {"architectures", "archMap"})
    if (const Json* list = member(json, name); list && !list->is_array())
      throw Bad{where + "." + name, "must be an array"};
  bool listed = member(json, "architectures") && !json["architectures"].empty();
  if (listed && member(json, "archMap") && !json["archMap"].empty())
    throw Bad{where, "has both \"architectures\" and \"archMap\"; use one"};
  auto add = [&](const std::string& name, const std::string& path) {
    std::string plain = architecture_of(name, path);
    if (!plain.empty()) profile.architectures.push_back(plain);
  };
  each(json, "architectures", where,
       [&](const Json& entry, const std::string& here) { add(text(entry, here), here); });
  each(json, "archMap", where, [&](const Json& entry, const std::string& here) {
    if (!entry.is_object() || !member(entry, "architecture")) throw Bad{here, "needs an \"architecture\""};
    std::string name = text(entry["architecture"], here + ".architecture");
    if (go_name(architecture_of(name, here + ".architecture")) != target.architecture) return;
    each(entry, "subArchitectures", here,
         [&](const Json& sub, const std::string& path) { add(text(sub, path), path); });
  });
}

}  // namespace

Target target_of(const std::set<std::string>& capabilities) {
  Target target;
  target.capabilities = capabilities;
  utsname name;
  if (::uname(&name) != 0) return target;
#if defined(__x86_64__)
  target.architecture = "amd64";  // also under a 32-bit personality, where uname says i686
#else
  target.architecture = go_name(name.machine);
#endif
  std::sscanf(name.release, "%u.%u", &target.kernel_major, &target.kernel_minor);
  return target;
}

sdk::Expected<Profile> parse_profile(const Json& json, const Target& target, const std::string& where) {
  try {
    if (!json.is_object()) throw Bad{where, "must be an object"};
    Profile profile;
    const Json* action = member(json, "defaultAction");
    if (!action) throw Bad{where + ".defaultAction", "is missing"};
    profile.default_action = action_of(text(*action, where + ".defaultAction"), where + ".defaultAction");
    if (profile.default_action == Action::kNotify)
      throw Bad{where + ".defaultAction", "must not be SCMP_ACT_NOTIFY: nothing could be told to the agent"};
    profile.default_errno = errno_of(json, "defaultErrnoRet", profile.default_action, where);
    add_architectures(profile, json, target, where);
    each(json, "flags", where, [&](const Json& entry, const std::string& here) {
      std::string flag = text(entry, here);
      if (flag != "SECCOMP_FILTER_FLAG_TSYNC" && flag != "SECCOMP_FILTER_FLAG_LOG" &&
          flag != "SECCOMP_FILTER_FLAG_SPEC_ALLOW" && flag != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
        throw Bad{here,
                  "is no seccomp flag: use SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW, _TSYNC or "
                  "_WAIT_KILLABLE_RECV"};
      profile.flags.push_back(flag);
    });
    each(json, "syscalls", where,
         [&](const Json& entry, const std::string& here) { add_rule(profile, entry, target, here); });
    return profile;
  } catch (const Bad& bad) {
    return sdk::fail_at(bad.code, "bad seccomp profile", json, where, bad.path, bad.why);
  }
}

}  // namespace rcrt::seccomp
