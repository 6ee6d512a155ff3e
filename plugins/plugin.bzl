"""rcrt_plugin: a plugin as a shared object, and what it may import."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

def rcrt_plugin(name, srcs, hdrs = [], deps = [], copts = [], visibility = None):
    """A plugin `<name>.so`, with its code also as `<name>_lib` for its own tests.

    Args:
      name: the plugin's name, "net-bridge".
      srcs: sources; the one with RCRT_PLUGIN is plugin.cc.
      hdrs: headers, for the plugin's own tests.
      deps: system libraries of //third_party. Never core/, never another plugin.
      copts: further compiler options.
      visibility: of the shared object.
    """
    cc_library(
        name = name + "_lib",
        srcs = srcs,
        hdrs = hdrs,
        alwayslink = True,
        copts = copts + ["-fvisibility=hidden"],
        visibility = ["//visibility:private"],
        deps = deps + ["//base", "//include:rcrt", "//sdk/cpp:sdk"],
    )
    cc_binary(
        name = name + ".so",
        linkopts = ["-Wl,--exclude-libs,ALL"],
        linkshared = True,
        visibility = visibility or ["//packaging:__pkg__", "//tests:__subpackages__", "//bench:__subpackages__"],
        deps = [":" + name + "_lib"],
    )
