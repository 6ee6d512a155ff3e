#!/bin/sh
# SPDX-License-Identifier: MIT
# rcrt-oci checkpoint and restore with the real criu: a container's processes go into files, and go
# on from there.
set -u
suite=Checkpoint
. tests/vm/cases.sh
said() { cat /tmp/said; [ -s /tmp/said ] && tail -n 15 "${1:-/root/image/dump.log}" >&2; }
oci=/usr/bin/rcrt-oci
rcrt unpack busybox /root/fs
mkdir -p /root/bundle /root/volume
cat >/root/count.sh <<'END'
n=0
while :; do
  n=$((n + 1))
  echo $n >/volume/count.new
  mv /volume/count.new /volume/count
  echo $n >/dev/shm/count
  sleep 0.2
done
END
cp /root/count.sh /root/fs/count.sh
cat >/root/bundle/config.json <<END
{"ociVersion": "1.2.0", "root": {"path": "/root/fs", "readonly": true},
 "process": {"args": ["sh", "/count.sh"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0},
             "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]}},
 "mounts": [{"type": "proc", "source": "proc", "destination": "/proc"},
            {"type": "tmpfs", "source": "tmpfs", "destination": "/dev", "options": ["mode=755"]},
            {"type": "tmpfs", "source": "shm", "destination": "/dev/shm"},
            {"type": "devpts", "source": "devpts", "destination": "/dev/pts", "options": ["newinstance", "ptmxmode=0666"]},
            {"type": "sysfs", "source": "sysfs", "destination": "/sys", "options": ["ro"]},
            {"type": "cgroup", "source": "cgroup", "destination": "/sys/fs/cgroup", "options": ["ro"]},
            {"type": "bind", "source": "/root/volume", "destination": "/volume", "options": ["rbind"]}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network"}, {"type": "ipc"},
                          {"type": "uts"}, {"type": "cgroup"}],
           "cgroupsPath": "/test/counter", "resources": {"pids": {"limit": 50}},
           "maskedPaths": ["/proc/keys", "/proc/acpi"], "readonlyPaths": ["/proc/sys"]}}
END
count() { cat /root/volume/count; }
status() { $oci state counter 2>/dev/null | sed -n 's/.*"status": "\(.*\)".*/\1/p'; }
counts() {  # whether it counts on
  before=$(count)
  for _ in $(seq 100); do
    [ "$(count)" -gt "$before" ] && echo yes && return
    sleep 0.2
  done
  echo "stands at $before"
}
checkpoint() { $oci checkpoint --image-path /root/image "$@" counter >/tmp/said 2>&1; }
restore() { $oci restore --detach --image-path /root/image --bundle /root/bundle "$@" counter </dev/null >/tmp/said 2>&1; }

$oci run --detach --bundle /root/bundle counter </dev/null >/root/out 2>&1
until [ -e /root/volume/count ]; do sleep 0.1; done

# One that fails: criu cannot write its images.
mount -t tmpfs -o size=16k none /mnt
$oci checkpoint --image-path /mnt counter >/tmp/said 2>&1
check FailsWithTheLog yes "$(grep -q 'rcrt-oci: cannot checkpoint container "counter": Error .*; see /mnt/dump.log' /tmp/said && echo yes || cat /tmp/said)"
check FailedGoesOn "running yes" "$(status) $(counts)"
umount /mnt

checkpoint --leave-running
check LeaveRunning "" "$(said)"
check GoesOn "running yes" "$(status) $(counts)"
checkpoint --pre-dump
check PreDump "" "$(said)"
check GoesOnAgain "running yes" "$(status) $(counts)"
rm -r /root/image

checkpoint
check Checkpoints "" "$(said)"
check IsGone "" "$(status)"
check LeavesNoCgroup no "$([ -e /sys/fs/cgroup/test/counter ] && echo yes || echo no)"
before=$(count)
restore --pid-file /root/pid
check Restores "" "$(said /root/image/restore.log)"
check CountsOn "running yes" "$(status) $(counts)"
check FromWhereItWas yes "$([ "$(count)" -gt "$before" ] && [ "$(count)" -lt $((before + 150)) ] && echo yes)"
check Pid "$(cat /root/pid)" "$($oci state counter | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')"
check InItsCgroup yes "$(grep -qx "$(cat /root/pid)" /sys/fs/cgroup/test/counter/cgroup.procs && echo yes)"
check Limit 50 "$(cat /sys/fs/cgroup/test/counter/pids.max)"
check Exec yes "$([ "$($oci exec counter cat /dev/shm/count)" -gt "$before" ] && echo yes)"
check Loopback 0x9 "$($oci exec counter cat /sys/class/net/lo/flags)"
check IsMasked "" "$($oci exec counter cat /proc/keys)"
check TwiceIsRefused yes "$(restore; grep -q 'container with given ID already exists "counter"' /tmp/said && echo yes)"
check TwiceGoesOn "running yes" "$(status) $(counts)"
# And once more, of what was restored.
rm -r /root/image
checkpoint
restore
check Again "" "$(said /root/image/restore.log)"
check CountsOnAgain "running yes" "$(status) $(counts)"
$oci delete -f counter
check Deletes "" "$(status)$(ls /run/rcrt-oci)"

# One with a terminal, in the foreground.
mkdir /root/tty
sed 's|"args"|"terminal": true, "args"|; s|"/count.sh"|"-c", "n=0; while :; do n=$((n + 1)); echo =$n; sleep 0.2; done"|' /root/bundle/config.json >/root/tty/config.json
last() { tr -d '\r' <"$1" | tail -n 1 | tr -d =; }
$oci run --bundle /root/tty tty </dev/null >/root/tty.out 2>&1 &
until [ -s /root/tty.out ]; do sleep 0.1; done
rm -r /root/image
$oci checkpoint --image-path /root/image tty >/tmp/said 2>&1
check Terminal "" "$(said)"
wait
before=$(last /root/tty.out)
$oci restore --image-path /root/image --bundle /root/tty tty </dev/null >/root/tty.again 2>&1 &
for _ in $(seq 100); do [ -s /root/tty.again ] && break; sleep 0.2; done
check TerminalGoesOn yes "$([ "$(last /root/tty.again)" -gt "$before" ] && echo yes || said /root/image/restore.log)"
$oci kill tty KILL
wait $!
check TerminalEnds 137 $?
exit $failed
