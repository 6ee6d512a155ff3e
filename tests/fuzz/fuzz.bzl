"""fuzz_target: a libFuzzer program; `./dev fuzz` builds and runs all of them."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

def fuzz_target(name, deps, srcs = None, **kwargs):
    """Feeds <name>.cc with whatever libFuzzer thinks of. Inputs to begin with: tests/fuzz/corpus/<name>/.

    Args:
      name: ends in "_fuzz", and is the only target of that name.
      deps: what is fuzzed.
      srcs: when it is more than <name>.cc.
      **kwargs: to cc_binary.
    """
    if not name.endswith("_fuzz"):
        fail("\"%s\" does not end in \"_fuzz\"" % name)
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs or [name + ".cc"],
        linkopts = [
            "-fsanitize=fuzzer",
            "-fsanitize-link-c++-runtime",
        ],
        tags = [
            "fuzz",
            "manual",
        ],
        deps = deps,
        **kwargs
    )
