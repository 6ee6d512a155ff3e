// SPDX-License-Identifier: MIT
#include "core/plugin_host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <rcrt/image.h>
#include <rcrt/isolation.h>
#include <rcrt/network.h>
#include <rcrt/storage.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstddef>

#include "base/version.h"
#include "core/plugin_reply.h"

namespace rcrt {
namespace {

using boost::dll::shared_library;
namespace load_mode = boost::dll::load_mode;

constexpr char kRebuild[] = "rebuild the plugin, or report it to its author";

// Larger than any table will ever be: whoever says so did not set the size.
constexpr size_t kMaxStruct = 64 * 1024;

// The functions of an interface that are not optional.
struct Required {
  const char* name;
  size_t offset;
};
struct KnownInterface {
  const char* id;
  size_t size;  // of our struct
  std::vector<Required> required;
};

#define REQUIRED(type, member) {#member, offsetof(type, member)}
const std::vector<KnownInterface>& known_interfaces() {
  static const std::vector<KnownInterface> known = {
      {RCRT_IMAGE_V1,
       sizeof(rcrt_image_v1),
       {REQUIRED(rcrt_image_v1, import), REQUIRED(rcrt_image_v1, unpack), REQUIRED(rcrt_image_v1, prune)}},
      {RCRT_ISOLATION_V1, sizeof(rcrt_isolation_v1), {REQUIRED(rcrt_isolation_v1, prepare)}},
      {RCRT_NETWORK_V1,
       sizeof(rcrt_network_v1),
       {REQUIRED(rcrt_network_v1, attach), REQUIRED(rcrt_network_v1, detach)}},
      {RCRT_STORAGE_V1, sizeof(rcrt_storage_v1), {REQUIRED(rcrt_storage_v1, prepare)}},
  };
  return known;
}
#undef REQUIRED

std::unexpected<Error> refused(const std::string& path, std::string cause, const char* hint = kRebuild) {
  return std::unexpected(Error{"cannot use plugin", path, 0, hint, std::move(cause), 125});
}

// Runs plugin code; false when it threw, with what it said in `text`.
template <typename F>
bool contained(std::string* text, F&& f) {
  try {
    f();
    return true;
  } catch (const std::exception& e) {
    *text = e.what();
  } catch (...) {
    text->clear();
  }
  return false;
}

// Which struct sizes can be true: holds its own size, whole pointers, not the moon.
bool plausible_size(size_t size) {
  return size > sizeof(size_t) && size <= kMaxStruct && size % sizeof(void*) == 0;
}

}  // namespace

struct Plugin::Impl {
  std::string path;
  std::string file;  // "net-bridge"
  PluginHost::LogSink log;
  shared_library library;
  rcrt_plugin entry{};
  bool initialised = false;
  // Zero-filled copies, one a known interface the plugin has.
  std::vector<std::pair<const char*, std::unique_ptr<unsigned char[]>>> tables;

  Result<void> open(const std::string& loadable);
  Result<void> read_entry();
  Result<void> read_interfaces(const PluginKind& kind);
  Result<void> init();
};

Result<void> Plugin::Impl::open(const std::string& loadable) {
  boost::dll::fs::error_code ec;
  library.load(loadable, load_mode::rtld_now | load_mode::rtld_local, ec);
  if (!ec) return {};
  // The error code is always EBADF; what went wrong is only in the text.
  const char* text = dlerror();
  std::string cause = text ? text : "unknown reason";
  if (cause.starts_with(loadable + ": ")) cause.erase(0, loadable.size() + 2);
  bool missing = cause.find("cannot open shared object file") != std::string::npos;
  return refused(path, cause, missing ? "install the library it needs" : kRebuild);
}

Result<void> Plugin::Impl::read_entry() {
  // has() first: get() throws when there is no such symbol.
  if (!library.has(RCRT_PLUGIN_SYMBOL)) return refused(path, "it exports no " RCRT_PLUGIN_SYMBOL);
  const auto& given = library.get<const rcrt_plugin>(RCRT_PLUGIN_SYMBOL);
  // The version decides what the rest means.
  if (given.abi_major != RCRT_ABI_MAJOR)
    return refused(path, "it was built for version " + std::to_string(given.abi_major) +
                             " of the plugin interface, this program has version " +
                             std::to_string(RCRT_ABI_MAJOR));
  if (!plausible_size(given.size) || given.size < offsetof(rcrt_plugin, get_interface) + sizeof(void*))
    return refused(path, "its entry says it is " + std::to_string(given.size) + " bytes long");
  std::memcpy(&entry, &given, std::min(given.size, sizeof entry));

  if (!entry.name || !entry.version || !entry.description || !entry.license)
    return refused(path, "its entry lacks a name, version, description or license");
  if (file != entry.name)
    return refused(path, std::string("it calls itself \"") + entry.name + "\"", "rename the file");
  if (!entry.get_interface) return refused(path, "its entry has no get_interface");
  return {};
}

Result<void> Plugin::Impl::init() {
  static const rcrt_host host = {sizeof host, RCRT_ABI_MAJOR, RCRT_ABI_MINOR, RCRT_VERSION};
  int code = 0;
  std::string text;
  if (entry.init && !contained(&text, [&] { code = entry.init(&host); }))
    return refused(path, "init let an exception escape: " + text);
  if (code > 0) return refused(path, "init returned " + std::to_string(code));
  if (code < 0) return std::unexpected(Error{"plugin cannot start", path, -code, {}, "init failed", 125});
  initialised = true;
  return {};
}

Result<void> Plugin::Impl::read_interfaces(const PluginKind& kind) {
  bool has_own = false;
  for (const KnownInterface& known : known_interfaces()) {
    const void* given = nullptr;
    std::string text;
    if (!contained(&text, [&] { given = entry.get_interface(known.id); }))
      return refused(path, "get_interface let an exception escape: " + text);
    if (!given) continue;
    size_t size = *static_cast<const size_t*>(given);
    if (!plausible_size(size))
      return refused(path,
                     std::string("its ") + known.id + " says it is " + std::to_string(size) + " bytes long");
    // Zeroed; new[] aligns for every type. A larger table is a newer one: its tail is not for us.
    auto copy = std::make_unique<unsigned char[]>(known.size);
    std::memcpy(copy.get(), given, std::min(size, known.size));
    for (const Required& member : known.required) {
      rcrt_function function;
      std::memcpy(&function, copy.get() + member.offset, sizeof function);
      if (!function) return refused(path, std::string("its ") + known.id + " has no " + member.name);
    }
    tables.emplace_back(known.id, std::move(copy));
    has_own = has_own || std::string_view(known.id) == kind.interface;
  }
  if (!has_own) return refused(path, std::string("it does not offer ") + kind.interface);
  return {};
}

Plugin::Plugin(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Plugin::~Plugin() {
  std::string text;
  if (impl_->initialised && impl_->entry.deinit && !contained(&text, [&] { impl_->entry.deinit(); }) &&
      impl_->log)
    impl_->log(RCRT_LOG_WARNING, impl_->file, "deinit let an exception escape: " + text + ", ignoring");
}

const std::string& Plugin::path() const { return impl_->path; }
const rcrt_plugin& Plugin::entry() const { return impl_->entry; }

std::unexpected<Error> Plugin::misbehaved(std::string_view cause) const {
  return plugin_misbehaved(path(), std::string(cause));
}

std::unexpected<Error> Plugin::malformed(std::string_view header, std::string_view member) const {
  return misbehaved("its result has another form than " + std::string(header) +
                    " says: " + std::string(member));
}

std::vector<std::string> Plugin::interfaces() const {
  std::vector<std::string> ids;
  for (const auto& [id, table] : impl_->tables) ids.emplace_back(id);
  return ids;
}

const void* Plugin::find(const char* id) const {
  for (const auto& [known, table] : impl_->tables)
    if (std::strcmp(known, id) == 0) return table.get();
  return nullptr;
}

Result<PluginReply> Plugin::call(rcrt_function function, const char* name, const Json& request,
                                 const std::vector<rcrt_fd>& fds, const ProgressSink& progress) const {
  if (!function) return PluginReply{};
  std::string text;
  try {
    text = request.dump();
  } catch (const Json::exception&) {
    return error("request is not UTF-8, for plugin", impl_->path, "look for stray bytes in the arguments",
                 EILSEQ);
  }
  PluginReplyCollector collector(impl_->log, impl_->file, fds, progress);
  rcrt_call call{};
  call.size = sizeof call;
  call.request = {text.data(), text.size()};
  call.fds = fds.data();
  call.fd_count = fds.size();
  collector.attach(&call);
  int code = 0;
  std::string thrown;
  if (!contained(&thrown, [&] { code = function(&call); })) return collector.threw(impl_->path, name, thrown);
  return collector.finish(code, impl_->path, name);
}

PluginHost::PluginHost(std::vector<std::string> folders, LogSink log)
    : folders_(std::move(folders)), log_(std::move(log)) {}

void PluginHost::also_search(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders)
    if (std::ranges::find(folders_, folder) == folders_.end()) folders_.push_back(folder);
}

Result<void> PluginHost::open_folders() {
  for (; tried_ < folders_.size(); ++tried_) {
    auto folder = open_plugin_folder(folders_[tried_]);
    if (folder)
      open_.push_back(std::move(*folder));
    else if (folder.error().code != ENOENT)
      return std::unexpected(folder.error());
  }
  return {};
}

Result<const Plugin*> PluginHost::load(const std::string& kind, const std::string& name) {
  const PluginKind* known = find_plugin_kind(kind);
  if (!known) return error("unknown kind of plugin", kind, "kinds are image, isolation, net and storage");
  if (!valid_plugin_name(name))
    return error("not a plugin's name", name, "letters, digits, '.', '_' and '-' only", EINVAL);
  const std::string file = kind + "-" + name;
  if (auto it = loaded_.find(file); it != loaded_.end()) return it->second.get();

  RCRT_TRY(open_folders());
  for (const PluginFolder& folder : open_) {
    auto loadable = check_plugin_file(folder, file + ".so");
    if (!loadable && loadable.error().code == ENOENT) continue;
    if (!loadable) return std::unexpected(loadable.error());

    auto impl = std::make_unique<Plugin::Impl>();
    impl->path = folder.path + "/" + file + ".so";
    impl->file = file;
    impl->log = log_;
    RCRT_TRY(impl->open(*loadable));
    RCRT_TRY(impl->read_entry());
    RCRT_TRY(impl->init());
    // From here on its destructor calls deinit.
    std::unique_ptr<Plugin> plugin(new Plugin(std::move(impl)));
    RCRT_TRY(plugin->impl_->read_interfaces(*known));
    return (loaded_[file] = std::move(plugin)).get();
  }
  std::string looked;
  for (const std::string& path : folders_) looked += (looked.empty() ? "" : ", ") + path;
  return error("no such plugin", file, "looked in " + looked + "; \"rcrt plugin ls\" shows what there is",
               ENOENT);
}

std::vector<PluginFile> PluginHost::list() const {
  std::map<std::pair<std::string, std::string>, std::vector<PluginFile>> found;  // by kind and name
  for (const std::string& path : folders_) {
    auto folder = open_plugin_folder(path);
    if (!folder) continue;
    UniqueFd fd(openat(folder->fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR* dir = fd ? fdopendir(fd.get()) : nullptr;
    if (!dir) continue;
    (void)fd.release();  // now dir's
    while (const dirent* entry = readdir(dir)) {
      PluginFile file;
      if (!split_plugin_file_name(entry->d_name, &file.kind, &file.name)) continue;
      file.path = path + "/" + entry->d_name;
      auto& same = found[{file.kind, file.name}];
      if (!same.empty())
        file.problem = "hidden by " + same.front().path;
      else if (auto checked = check_plugin_file(*folder, entry->d_name); !checked)
        file.problem = checked.error().message();
      same.push_back(std::move(file));
    }
    closedir(dir);
  }
  std::vector<PluginFile> files;
  for (auto& [key, same] : found)
    for (PluginFile& file : same) files.push_back(std::move(file));
  return files;
}

}  // namespace rcrt
