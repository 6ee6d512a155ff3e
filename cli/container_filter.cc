// SPDX-License-Identifier: MIT
#include "cli/container_filter.h"

#include <regex.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

#include "base/image_reference.h"
#include "cli/describe.h"

namespace rcrt::cli {
namespace {

using Test = std::function<bool(const Container&)>;

std::unexpected<Error> invalid(const std::string& word, const std::string& hint = {}) {
  return error("invalid filter", word, hint.empty() ? std::string("known: ") + kContainerFilters : hint,
               EINVAL);
}

// As docker: the expression may be found anywhere in the name, with or without a slash before it.
Result<Test> by_name(const std::string& word, const std::string& expression) {
  std::shared_ptr<regex_t> regex(new regex_t(), [](regex_t* compiled) {
    regfree(compiled);
    delete compiled;
  });
  if (regcomp(regex.get(), expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
    return invalid(word, "the name is an extended regular expression");
  return [regex](const Container& container) {
    std::string name = "/" + container.name();
    return regexec(regex.get(), name.c_str() + 1, 0, nullptr, 0) == 0 ||
           regexec(regex.get(), name.c_str(), 0, nullptr, 0) == 0;
  };
}

Result<Test> by_status(const std::string& word, const std::string& name) {
  for (Status status : {Status::created, Status::running, Status::exited, Status::dead})
    if (name == status_name(status))
      return [name](const Container& container) { return name == status_name(container.status); };
  return invalid(word, "the status is created, running, exited or dead");
}

Result<Test> by_exit_code(const std::string& word, const std::string& text) {
  int code = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (failure != std::errc() || end != text.data() + text.size()) return invalid(word, "exited is a number");
  return [code](const Container& container) { return container.exit && container.exit->exit_code == code; };
}

Test by_label(const std::string& label) {
  auto equals = label.find('=');
  return [key = label.substr(0, equals), with_value = equals != std::string::npos,
          value = equals == std::string::npos ? "" : label.substr(equals + 1)](const Container& container) {
    Json labels = container.config.value("labels", Json::object());
    auto it = labels.find(key);
    return it != labels.end() && (!with_value || *it == value);
  };
}

// By the name as given, as stored, or by a beginning of the id.
Test by_image(const std::string& image) {
  std::string name = normalize_reference(image).value_or(image);
  return [image, name](const Container& container) {
    std::string id = container.config.value("imageId", "");
    if (container.config.value("image", "") == image || container.config.value("imageName", "") == name)
      return true;
    return !id.empty() && (id.starts_with(image) || id.substr(id.find(':') + 1).starts_with(image));
  };
}

Test by_network(const std::string& network) {
  return [network](const Container& container) {
    auto names = networks_of(container);
    return std::ranges::find(names, network) != names.end();
  };
}

Test by_volume(const std::string& volume) {
  return [volume](const Container& container) {
    for (const auto& mount : mounts_of(container))
      for (const char* member : {"Name", "Source", "Destination"})
        if (mount.value(member, "") == volume) return true;
    return false;
  };
}

Result<Test> by_time(const Engine& engine, const std::string& key, const std::string& reference) {
  RCRT_ASSIGN(std::string id, engine.containers().find(reference));
  RCRT_ASSIGN(Container other, engine.containers().load(id));
  return [before = key == "before", then = other.config.value("created", int64_t{0})](const Container& c) {
    int64_t created = c.config.value("created", int64_t{0});
    return before ? created < then : created > then;
  };
}

Result<Test> one_filter(const Engine& engine, const std::string& word, const std::string& key,
                        const std::string& value) {
  if (value.empty()) return invalid(word);
  if (key == "name") return by_name(word, value);
  if (key == "id") return [value](const Container& container) { return container.id.starts_with(value); };
  if (key == "status") return by_status(word, value);
  if (key == "exited") return by_exit_code(word, value);
  if (key == "label") return by_label(value);
  if (key == "ancestor") return by_image(value);
  if (key == "network") return by_network(value);
  if (key == "volume") return by_volume(value);
  if (key == "before" || key == "since") return by_time(engine, key, value);
  return invalid(word);
}

}  // namespace

Result<ContainerFilter> container_filter(const Engine& engine, const std::vector<std::string>& words) {
  std::map<std::string, std::vector<Test>> tests;
  ContainerFilter filter;
  for (const auto& word : words) {
    auto equals = word.find('=');
    std::string key = word.substr(0, equals);
    RCRT_ASSIGN(Test test,
                one_filter(engine, word, key, equals == std::string::npos ? "" : word.substr(equals + 1)));
    tests[key].push_back(std::move(test));
    filter.all = filter.all || key == "status" || key == "exited";
  }
  filter.fits = [tests](const Container& container) {
    return std::ranges::all_of(tests, [&](const auto& entry) {
      auto fits = [&](const Test& test) { return test(container); };
      return entry.first == "label" ? std::ranges::all_of(entry.second, fits)
                                    : std::ranges::any_of(entry.second, fits);
    });
  };
  return filter;
}

}  // namespace rcrt::cli
