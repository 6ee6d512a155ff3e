// SPDX-License-Identifier: MIT
// make check: the built plugin, called by the SDK's fake host. Needs no root and no rcrt.
#include <dlfcn.h>
#include <rcrt/storage.h>

#include <cstdio>
#include <rcrt/fake_host.hpp>

static int failures = 0;

static void expect(bool holds, const char* what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what);
  failures += !holds;
}

int main(int argc, char** argv) {
  void* library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  const char* problem = library ? nullptr : dlerror();
  const auto* plugin =
      library ? static_cast<const rcrt_plugin*>(dlsym(library, RCRT_PLUGIN_SYMBOL)) : nullptr;
  if (!plugin) {
    std::fprintf(stderr, "usage: check ./storage-loop.so: %s\n",
                 problem ? problem : "no " RCRT_PLUGIN_SYMBOL);
    return 2;
  }
  const auto* storage = static_cast<const rcrt_storage_v1*>(plugin->get_interface(RCRT_STORAGE_V1));
  expect(plugin->get_interface("rcrt.network/1") == nullptr, "offers storage only");

  rcrt::sdk::FakeHost host;
  expect(host.call(storage->prepare, {{"source", "/dev/null"}, {"read_only", false}}) == -EROFS &&
             host.errors == 1 && host.error_hint == "add --read-only",
         "a writable root is refused, with the cure");
  expect(host.call(storage->prepare, {{"source", "/dev/null"}, {"read_only", true}}) == -EINVAL &&
             host.error_object == "/dev/null" && host.fds.empty(),
         "a file without a file system is refused by name");
  expect(host.call(storage->prepare, {{"source", "/no/such \"file\""}, {"read_only", true}}) == -ENOENT &&
             host.error_object == "/no/such \"file\"",
         "a missing file is refused by name");
  expect(
      host.call(storage->prepare, {{"layers", {"l/a"}}, {"read_only", true}}) == -EINVAL && host.errors == 1,
      "an image is refused");
  expect(host.call(storage->source, {{"word", "./root.squashfs"}}) == 0,
         "it takes a file instead of an image");
  return failures != 0;
}
