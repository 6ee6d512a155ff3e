"""Repositories made of what Debian's Bazel packages install."""

def _debian_rules_cc_impl(ctx):
    source = "/usr/share/bazel/rules/cc"
    if not ctx.path(source).exists:
        # Not on Debian: the published archive, which needs a network.
        ctx.download_and_extract(
            url = "https://github.com/bazelbuild/rules_cc/releases/download/0.0.4/rules_cc-0.0.4.tar.gz",
            stripPrefix = "rules_cc-0.0.4",
        )
        return
    result = ctx.execute(["cp", "-rT", "--no-preserve=mode", source, "."])
    if result.return_code != 0:
        fail("cannot copy %s: %s" % (source, result.stderr))

    # rules_cc 0.0.4 loads use_cpp_toolchain, which Bazel 4.2.3 does not have.
    for name in ["cc_flags_supplier.bzl", "compiler_flag.bzl"]:
        path = "cc/private/rules_impl/" + name
        text = ctx.read(path)
        text = text.replace(", \"use_cpp_toolchain\"", "")
        text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        ctx.file(path, text, legacy_utf8 = False)

debian_rules_cc = repository_rule(implementation = _debian_rules_cc_impl)

def _empty_coverage_tools_impl(ctx):
    ctx.file("BUILD", """
filegroup(
    name = "coverage_report_generator",
    srcs = [],
    visibility = ["//visibility:public"],
)
""")

empty_coverage_tools = repository_rule(implementation = _empty_coverage_tools_impl)
