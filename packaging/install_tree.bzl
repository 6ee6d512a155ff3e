"""install_tree: one reproducible tar file, laid out as under a prefix."""

def _install_tree_impl(ctx):
    tar = ctx.actions.declare_file(ctx.label.name)
    commands = ["set -eu", "tree=$(mktemp -d)", "trap 'rm -rf \"$tree\"' EXIT"]
    inputs = []
    for target, place in ctx.attr.files.items():
        mode, _, path = place.partition(" ")
        files = target.files.to_list()
        if not path.endswith("/") and len(files) != 1:
            fail("%s is %d files; its place must end in '/'" % (target.label, len(files)))
        for file in files:
            to = path + file.basename if path.endswith("/") else path
            commands.append("install -D -m %s '%s' \"$tree\"/'%s'" % (mode, file.path, to))
        inputs.extend(files)
    commands.append("find \"$tree\" -type d -exec chmod 0755 {} +")
    commands.append(
        "tar --create --file='%s' --directory=\"$tree\" --format=posix " % tar.path +
        "--pax-option=delete=atime,delete=ctime --sort=name --mtime=@0 " +
        "--owner=0 --group=0 --numeric-owner .",
    )
    ctx.actions.run_shell(
        command = "\n".join(commands),
        inputs = inputs,
        mnemonic = "InstallTree",
        outputs = [tar],
        progress_message = "Packing %s" % ctx.label,
    )
    return [DefaultInfo(
        files = depset([tar]),
        runfiles = ctx.runfiles(files = [tar]),
    )]

install_tree = rule(
    implementation = _install_tree_impl,
    attrs = {
        "files": attr.label_keyed_string_dict(
            allow_files = True,
            doc = "file -> 'MODE PATH'; a PATH that ends in '/' takes any number of files",
        ),
    },
)
