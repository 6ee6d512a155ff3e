"""vm_test: a program run on a real Debian kernel with full cgroup v2, in QEMU."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

def vm_test(
        name,
        srcs = None,
        deps = [],
        program = None,
        data = [],
        tars = [],
        modules = [],
        libs = [],
        tools = [],
        power_cuts = 0,
        systemd = False,
        boot = "",
        size = "large",
        tags = []):
    """Runs a program as root in the machine; the test passes when it exits with 0.

    The kernel comes from the folder RCRT_VM_KERNEL_DIR, which packaging/fetch-vm-kernel
    fills (by default /var/cache/rcrt/vm-kernel). Without one the test says that it is
    skipped.

    Args:
      name: of the test.
      srcs: C++ sources of the program; or else give `program`.
      deps: what they need.
      program: label of a program or script.
      data: files it finds under its working directory by their path in the workspace.
      tars: archives unpacked in /usr of the machine, such as //packaging:dist.tar.
      modules: kernel modules to load, with what they depend on.
      libs: shared libraries that are loaded by name at run time, "libcgroup.so.2".
      tools: programs of this machine the test observes with, "/usr/sbin/nft".
      power_cuts: how often the machine is killed on the way; see run-vm.
      systemd: process 1 is systemd, and the program a service of it.
      boot: further words of the kernel's command line.
      size: of the test.
      tags: further tags.
    """
    if srcs:
        program = ":" + name + "_program"
        cc_binary(
            name = name + "_program",
            testonly = True,
            srcs = srcs,
            deps = deps,
        )
    if program.endswith(".sh"):
        data = data + ["//tests/vm:cases.sh"]
    args = ["--program", "$(rootpath %s)" % program]
    for label in data:
        args += ["--data", "$(rootpath %s)" % label]
    for label in tars:
        args += ["--tar", "$(rootpath %s)" % label]
    for module in modules:
        args += ["--module", module]
    for lib in libs:
        args += ["--lib", lib]
    for tool in tools:
        args += ["--tool", tool]
    if power_cuts:
        args += ["--power-cuts", str(power_cuts)]
    if boot:
        args += ["--boot", boot]
    if systemd:
        args += ["--systemd", "yes"]
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tests/vm:run-vm"],
        args = args,
        data = [program] + data + tars,
        tags = ["exclusive", "local", "vm"] + tags,
    )
