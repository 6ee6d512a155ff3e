# SPDX-License-Identifier: MIT
"""What the benchmarks of this folder share."""
import ctypes
import glob
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

NULL = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
INSIDE = "RCRT_BENCH_INSIDE"


class Trouble(Exception):
    pass


def note(line):
    print(f"bench: {line}", file=sys.stderr)


def run(argv, captured=True):
    """Runs a command to its end; its output is shown when it fails. What leaves a process behind
    that holds its streams is not captured."""
    to = subprocess.PIPE if captured else NULL
    done = subprocess.run(argv, stdin=NULL, stdout=to, stderr=to, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout or "").strip().splitlines()
        raise Trouble(f"'{' '.join(argv)[:120]}' gave {done.returncode}: {words[-1] if words else 'no word'}")
    return done.stdout


def timed(argv):
    """Milliseconds from spawn to the end of wait."""
    actions = [(os.POSIX_SPAWN_DUP2, NULL, fd) for fd in (0, 1, 2)]
    start = time.perf_counter_ns()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    spent = (time.perf_counter_ns() - start) / 1e6
    if status != 0:
        run(argv)  # for its message
        raise Trouble(f"'{' '.join(argv)[:120]}' failed once (status {status})")
    return spent


class Floor:
    name = "floor"

    def __init__(self, place, program, rootfs):
        self.program, self.rootfs, self.scratch = os.path.abspath(program), rootfs, f"{place}/floor"
        self.before()
        run(self.argv("none"))
        self.after()

    def argv(self, _net):
        return [self.program, self.rootfs, self.scratch, "/bin/true"]

    def before(self):
        os.mkdir(self.scratch)

    def after(self):
        shutil.rmtree(self.scratch)

    def end(self):
        pass


class PureCgroup2:
    """A mount namespace without cgroup v1, for a peer that refuses hybrid machines."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ours = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        script = "umount -l -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && echo && read _"
        with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            if not holder.stdout.readline():
                raise Trouble("cannot make a view with cgroup v2 only")
            self.theirs = os.open(f"/proc/{holder.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            holder.stdin.close()

    def enter(self):
        self.join(self.theirs)

    def leave(self):
        self.join(self.ours)

    def join(self, namespace):
        if self.libc.setns(namespace, 0) != 0:
            raise Trouble(f"setns: {os.strerror(ctypes.get_errno())}")


class Oci:
    """An OCI runtime, given a bundle whose root is a folder: no overlay, no network."""

    def __init__(self, place, name, program, rootfs, options=(), pure_v2=False):
        self.name, self.bundle = name, f"{place}/{name}"
        self.base = [program, "--root", "/run/" + name, *options]
        self.view = PureCgroup2() if pure_v2 else None
        os.mkdir(self.bundle)
        namespaces = ["pid", "mount", "network", "ipc", "uts", "cgroup"]
        hidden = ["nosuid", "noexec", "nodev"]

        def mount(kind, to, options):
            return {"type": kind, "source": kind, "destination": to, "options": options}

        self.config = {
            "ociVersion": "1.0.0",
            "process": {"args": ["/bin/true"], "cwd": "/", "env": ["PATH=/bin"],
                        "user": {"uid": 0, "gid": 0}, "noNewPrivileges": True},
            "root": {"path": rootfs, "readonly": False},
            "hostname": "bench",
            "mounts": [
                mount("proc", "/proc", hidden),
                mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
                mount("devpts", "/dev/pts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]),
                mount("tmpfs", "/dev/shm", [*hidden, "mode=1777", "size=65536k"]),
                mount("mqueue", "/dev/mqueue", hidden),
                mount("sysfs", "/sys", [*hidden, "ro"]),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in namespaces]},
        }
        self.write(["/bin/true"])
        self.before()
        try:
            run(self.argv("none"))
        finally:
            self.after()

    def write(self, args):
        self.config["process"]["args"] = args
        with open(self.bundle + "/config.json", "w", encoding="utf-8") as config:
            json.dump(self.config, config)

    def argv(self, _net):
        return [*self.base, "run", "--bundle", self.bundle, "bench"]

    def before(self):
        if self.view:
            self.view.enter()

    def after(self):
        if self.view:
            self.view.leave()

    def end(self):
        pass


def summary(times):
    return {"median_ms": round(statistics.median(times), 3), "min_ms": round(min(times), 3), "runs": len(times)}


# Seconds after each run: what one still cleans up when its command has ended is not to slow the next one.
PAUSE = 0.05


def race(contestants, job, rounds):
    """Interleaved rounds in random order; `job` gives the milliseconds of one."""
    times = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in random.sample(contestants, len(contestants)):
            # A slow one need not be run as often.
            done = times[contestant.name]
            if len(done) >= 10 and statistics.median(done) > 100 and len(done) >= rounds // 4:
                continue
            contestant.before()
            try:
                done.append(job(contestant))
            finally:
                contestant.after()
            time.sleep(PAUSE)
    return {name: summary(values) for name, values in times.items()}


def with_ratios(result, reference):
    for row in result.values():
        row["ratio"] = round(row["median_ms"] / result[reference]["median_ms"], 2)
    return result


def table(title, rows):
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [["", *columns]] + [[name, *(str(row.get(column, "")) for column in columns)] for name, row in rows.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(word.ljust(width) if i == 0 else word.rjust(width)
                               for i, (word, width) in enumerate(zip(line, widths))))


def hybrid_machine():
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return any(line.split()[2] == "cgroup" for line in mounts)


def cgroup_folders():
    return {path for root in glob.glob("/sys/fs/cgroup/*") + ["/sys/fs/cgroup"]
            for path in glob.glob(root + "/*/") if os.path.exists(path + "cgroup.procs")}


def mount_ext4(place, size):
    """Mounts a new ext4 on the folder. It is gone when it is unmounted: only the loop device holds its file."""
    image = place + ".ext4"
    with open(image, "wb") as file:
        file.truncate(size)
    try:
        # All of it now: else the kernel goes on writing in the background.
        run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image])
        run(["mount", "-o", "loop", image, place])
    finally:
        os.unlink(image)


def fresh_ext4(place):
    """Mounts a new ext4 with a journal on the folder, if that can be. Without one, as machines made for a
    day may have it, each new file costs more the more have been deleted in the last minutes (the kernel's
    recently_deleted): the longer one measures, the slower it gets."""
    try:
        mount_ext4(place, 16 << 30)
    except (Trouble, OSError) as trouble:
        note(f"no file system of its own, but that of {os.path.dirname(place)}: {trouble}")


def add_place(parser):
    parser.add_argument("--place", metavar="DIR", help="keep all data in a folder there; else in an ext4 made for it")


def in_own_place(measure, options):
    """Calls measure(folder, options) in namespaces and a folder of its own; prints what it gives."""
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, *sys.argv])
    run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
    run(["ip", "link", "set", "lo", "up"])

    before = cgroup_folders()
    place = tempfile.mkdtemp(prefix="rcrt-bench.", dir=options.place or "/var/tmp")
    try:
        if not options.place:
            fresh_ext4(place)
        result = measure(place, options)
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    finally:
        # What peers mounted goes first: it is below this folder, in our mount namespace.
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            points = [line.split()[1] for line in mounts]
        for point in sorted((p for p in points if p.startswith(place)), reverse=True):
            subprocess.run(["umount", "-l", point], check=False)
        for _ in range(50):  # a peer's own clean-up may still run
            shutil.rmtree(place, ignore_errors=True)
            if not os.path.exists(place):
                break
            time.sleep(0.1)
        # dockerd and podman leave their parent cgroup.
        for folder in cgroup_folders() - before:
            for path, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # somebody else's, in use
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for title, rows in result.items():
        table(title, rows)
