#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed rcrt with every controller in cgroup v2: limits bite, are reported, and
# nothing is left.
set -u
failed=0
before=$(cat /sys/fs/cgroup/cgroup.subtree_control; ls -d /sys/fs/cgroup/*/ 2>/dev/null)
check() {  # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then
    echo "[       OK ] EndToEnd.$1"
  else
    echo "[  FAILED  ] EndToEnd.$1: expected \"$2\", got \"$3\""
    failed=1
  fi
}
rcrt() { /usr/bin/rcrt --net=none "$@"; }

rcrt run --rm busybox true
check Runs 0 $?

rcrt run --name oom --memory 32m --memory-swap 32m busybox sh -c 'x=a; while :; do x=$x$x; done' >/dev/null 2>&1
check OomExit 137 $?
check OomReported 1 "$(rcrt inspect oom | grep -c '"OOMKilled": *true')"
rcrt rm oom >/dev/null

check PidsLimit 7 "$(rcrt run --rm --pids-limit 7 busybox cat /sys/fs/cgroup/pids.max)"
check Cpuset 1 "$(rcrt run --rm --cpuset-cpus 1 busybox sh -c 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/self/status')"
check CpuMax "50000 100000" "$(rcrt run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max)"

# Half a processor, from what the group used while 4 s went by: within 10 %.
rcrt run -d --name half --cpus 0.5 busybox sh -c 'while :; do :; done' >/dev/null
sleep 1
id=$(rcrt inspect half | sed -n 's/.*"Id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
usage() { sed -n 's/^usage_usec //p' "/sys/fs/cgroup/rcrt/$id/cpu.stat"; }
clock() { awk '{ printf "%d", $1 * 1000000 }' /proc/uptime; }
u0=$(usage) t0=$(clock)
sleep 4
u1=$(usage) t1=$(clock)
share=$(((u1 - u0) * 100 / (t1 - t0)))
check CpuShare yes "$([ "$share" -ge 45 ] && [ "$share" -le 55 ] && echo yes || echo "$share %")"
rcrt rm -f half >/dev/null

check DeviceDenied 1 "$(rcrt run --rm busybox sh -c 'mknod /tmp/d b 254 16 && head -c 1 /tmp/d >/dev/null 2>&1; echo $?')"
check DeviceAllowed 0 "$(rcrt run --rm --device /dev/vdb busybox sh -c 'head -c 1 /dev/vdb >/dev/null; echo $?')"

check NothingLeft "$before" "$(cat /sys/fs/cgroup/cgroup.subtree_control; ls -d /sys/fs/cgroup/*/ 2>/dev/null)"
exit $failed
