"""faulty_plugin: a plugin compiled with fault points, whatever the rest is."""

load("//packaging:install_tree.bzl", "install_tree_with_faults")

def faulty_plugin(name, plugin):
    """Makes the file faulty/<plugin's file name>.

    Args:
      name: of the target.
      plugin: label of a shared object.
    """
    file = plugin.rpartition(":")[2]
    install_tree_with_faults(
        name = name + ".tar",
        testonly = True,
        files = {plugin: "0644 " + file},
    )
    native.genrule(
        name = name,
        testonly = True,
        srcs = [name + ".tar"],
        outs = ["faulty/" + file],
        cmd = "tar --extract --to-stdout --file=$< ./%s >$@" % file,
    )
