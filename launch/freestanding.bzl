"""How the code without libc is compiled."""

# No libc at run time: the child allocates nothing, takes no lock, and its parent stays tiny.
FREESTANDING = [
    "-ffreestanding",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-tree-loop-distribute-patterns",
    "-fno-threadsafe-statics",
    "-fno-sanitize=all",
    "-U_FORTIFY_SOURCE",
    "-D_GNU_SOURCE",
]
