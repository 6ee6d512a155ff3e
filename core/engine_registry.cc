// SPDX-License-Identifier: MIT
// pull, push, login, logout.
#include <rcrt/image.h>
#include <signal.h>

#include "core/engine.h"

namespace rcrt {
namespace {

constexpr char kImagePlugin[] = "oci";

// A function an image plugin may lack.
Result<rcrt_function> need(const Plugin& plugin, rcrt_function function, const char* verb) {
  if (function == nullptr)
    return error(std::string("image plugin cannot ") + verb, plugin.path(), "install image-oci", ENOTSUP);
  return function;
}

// A client holds back the signals it will forward to its container. While there is none, and
// a download that may take minutes, they are for the client itself.
class SignalsLetThrough {
 public:
  SignalsLetThrough() {
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &before_);
  }
  ~SignalsLetThrough() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsLetThrough(const SignalsLetThrough&) = delete;
  SignalsLetThrough& operator=(const SignalsLetThrough&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Result<std::vector<PulledImage>> Engine::pull(const std::string& reference, const PullOptions& options,
                                              const Plugin::ProgressSink& progress) {
  RCRT_ASSIGN(const auto source, parse_image_source(reference));
  if (source && source->transport != ImageSource::Transport::registry) {
    std::vector<PulledImage> images;
    RCRT_ASSIGN(const auto loaded, load(reference, -1, "", progress));
    for (const LoadedImage& image : loaded) images.push_back({image.name, image.id, image.digest, true});
    return images;
  }
  RCRT_TRY(make_folders(paths_.root));
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  RCRT_ASSIGN(const rcrt_function pull,
              need(*plugin, plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1)->pull, "pull"));
  Json request = registry_request(options.registry);
  request["root"] = paths_.root;
  request["reference"] = source ? source->reference : reference;
  request["limits"] = image_limits_;
  request["all_tags"] = options.all_tags;
  request["only_missing"] = options.only_missing;
  if (!options.platform.empty()) request["platform"] = options.platform;
  if (options.parallel > 0) request["parallel"] = options.parallel;
  RCRT_ASSIGN(PluginReply reply, plugin->call(pull, "pull", request, {}, progress));
  std::vector<PulledImage> images;
  for (const Json& image : reply.result.value("images", Json::array()))
    images.push_back({image.value("name", ""), image.value("id", ""), image.value("digest", ""),
                      image.value("new", false)});
  if (images.empty())
    return error("image plugin pulled nothing", plugin->path(), "report it to its author", EPROTO);
  return images;
}

Result<std::string> Engine::push(const std::string& reference, const std::string& destination, int parallel,
                                 const RegistryOptions& options, const Plugin::ProgressSink& progress) {
  RCRT_ASSIGN(const Image image, images_.read(reference));
  RCRT_ASSIGN(const auto elsewhere, parse_image_source(destination));
  if (elsewhere && elsewhere->transport != ImageSource::Transport::registry) {
    RCRT_TRY(save({reference}, *elsewhere, -1, progress));
    return image.digest;
  }
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  RCRT_ASSIGN(const rcrt_function push,
              need(*plugin, plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1)->push, "push"));
  Json request = registry_request(options);
  request["root"] = paths_.root;
  request["name"] = image.name.empty() ? image.id : image.name;
  if (!destination.empty()) request["destination"] = elsewhere ? elsewhere->reference : destination;
  if (parallel > 0) request["parallel"] = parallel;
  RCRT_ASSIGN(PluginReply reply, plugin->call(push, "push", request, {}, progress));
  return reply.result.value("digest", "");
}

Result<Image> Engine::find_image(const std::string& reference, const PullPolicy& policy) {
  if (policy.when != PullPolicy::always) {
    auto found = find_image(reference);
    if (found || found.error().code != ENOENT || policy.when == PullPolicy::never) return found;
  }
  RCRT_TRY(normalize_reference(reference));  // an id names nothing in a registry
  const SignalsLetThrough through;
  PullOptions options = policy.options;
  options.only_missing = policy.when == PullPolicy::missing;
  const auto pulled = pull(reference, options, policy.progress);
  if (!pulled) return wrap(pulled.error(), "there is no such image here, and it cannot be pulled", reference);
  const PulledImage& first = pulled->front();
  return images_.resolve(first.name.empty() ? first.id : first.name);
}

Result<void> Engine::login(const std::string& registry, const std::string& username,
                           const std::string& password, const RegistryOptions& options) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  RCRT_ASSIGN(const rcrt_function login,
              need(*plugin, plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1)->login, "log in"));
  Json request = registry_request(options);
  RCRT_ASSIGN(request["auth_file"], login_file(options));
  request["registry"] = registry;
  request["username"] = username;
  request["password"] = password;
  RCRT_TRY(plugin->call(login, "login", request));
  return {};
}

Result<bool> Engine::logout(const std::string& registry, const RegistryOptions& options) {
  RCRT_ASSIGN(const Plugin* plugin, plugins_.load("image", kImagePlugin));
  RCRT_ASSIGN(const rcrt_function logout,
              need(*plugin, plugin->get<rcrt_image_v1>(RCRT_IMAGE_V1)->logout, "log out"));
  Json request = registry_request(options);
  request["registry"] = registry;
  RCRT_ASSIGN(PluginReply reply, plugin->call(logout, "logout", request));
  return reply.result.value("removed", false);
}

}  // namespace rcrt
