"""rcrt_plugin: a plugin as a shared object, and what it may import."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

# libstdc++ and libgcc inside the plugin, less what it does not use. The programs have
# theirs inside too, so that a plugin with the shared ones would be the first to load
# them: 1.2 ms for the first plugin and 0.13 for each further one, against 0.1 this way
# (medians). Keep <iostream> and <regex> out of plugins: they drag in the locales and
# their start-up. The sanitizers need the shared ones. ld.bfd lays a plugin out so that
# loading it takes one mprotect(2) less than with gold, and it is a fifth smaller.
_STATIC_RUNTIME = [
    "-Wl,--gc-sections",
    "-fuse-ld=bfd",
    "-Wl,-z,noseparate-code,-z,pack-relative-relocs",
    "-static-libgcc",
    "-l:libstdc++.a",
]

def rcrt_plugin(name, srcs, hdrs = [], deps = [], copts = [], visibility = None):
    """A plugin `<name>.so`, with its code also as `<name>_lib` for its own tests.

    `faults/<name>.so` is the same with fault points (base/fault.h).

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
    for file, faults in {name + ".so": [], "faults/" + name + ".so": ["//base:faults"]}.items():
        cc_binary(
            name = file,
            testonly = faults != [],
            additional_linker_inputs = ["//plugins:plugin.lds"],
            features = ["-supports_start_end_lib"],  # ld.bfd does not know --start-lib
            linkopts = ["-Wl,--version-script=$(location //plugins:plugin.lds)"] + select({
                "//plugins:sanitizer": [],
                "//plugins:fuzzer": [],
                "//conditions:default": _STATIC_RUNTIME,
            }),
            linkshared = True,
            visibility = visibility or ["//packaging:__pkg__", "//tests:__subpackages__", "//bench:__subpackages__"],
            deps = [":" + name + "_lib"] + faults,
        )
