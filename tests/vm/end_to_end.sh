#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed rcrt on a machine with every controller in cgroup v2: limits are set, bite
# and are reported; a container on the bridge reaches its gateway; nothing is left.
# shellcheck disable=SC2046  # echo makes one line of several
set -u
suite=EndToEnd
. tests/vm/cases.sh
between() { [ "$3" -ge "$1" ] && [ "$3" -le "$2" ] && echo "$1 to $2" || echo "$3"; }
rcrt() { /usr/bin/rcrt --net=none "$@"; }
box() { rcrt run --rm "$@" 2>&1; }  # OPTIONS busybox COMMAND
state() { rcrt inspect "$1" | sed -n "s/^ *\"$2\": *\(.*[^,]\),*$/\1/p" | head -n 1; }
group() { echo "/sys/fs/cgroup/rcrt/$(state "$1" Id | tr -d '"')"; }
machine() {
  cat /sys/fs/cgroup/cgroup.subtree_control
  find /sys/fs/cgroup -mindepth 1 -type d | sort
  ls /sys/class/net /run/rcrt/containers /var/lib/rcrt/containers
  cut -d' ' -f3- /proc/self/mountinfo
  nft list ruleset
  cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
  ps -o comm | grep -c '^rcrt'
}
says_up() {  # NAME: waits for it, 10 s at most
  for _ in $(seq 100); do
    [ "$(rcrt logs "$1")" != up ] || return
    sleep 0.1
  done
}
soon() {  # FILE: "gone" when it goes within 10 s
  for _ in $(seq 100); do
    [ -e "$1" ] || { echo gone; return; }
    sleep 0.1
  done
  echo "still there"
}

check Runs 0 "$(box busybox true; echo $?)"
before=$(machine)

# Memory. A kill by the limit is told from any other.
check MemoryMax 33554432 "$(box --memory 32m busybox cat /sys/fs/cgroup/memory.max)"
rcrt run --name hog --memory 32m busybox sh -c 'x=a; while :; do x=$x$x; done' >/dev/null 2>&1
check OomExit 137 $?
check OomReported true "$(state hog OOMKilled)"
check OomReason '"killed by the kernel: memory limit reached"' "$(state hog Error)"
check OomExitCode 137 "$(state hog ExitCode)"
rcrt rm hog >/dev/null
rcrt run -d --name killed --memory 32m busybox sleep 1000 >/dev/null
rcrt kill killed >/dev/null
check KillExit 137 "$(rcrt wait killed)"
check KillIsNoOom false "$(state killed OOMKilled)"
rcrt rm killed >/dev/null

# Processes: the shell, as which cat ends, and seven more.
check PidsMax 7 "$(box --pids-limit 7 busybox cat /sys/fs/cgroup/pids.max)"
forks='i=0; while [ $i -lt 7 ]; do sleep 100 & i=$((i + 1)); done; cat /sys/fs/cgroup/pids.current /dev/null'
check PidsLimit "sh: can't fork: Resource temporarily unavailable" "$(box --pids-limit 7 busybox sh -c "$forks")"
check PidsLimitHigher 8 "$(box --pids-limit 8 busybox sh -c "$forks")"

# Processors.
check Cpuset "1 1" "$(box --cpuset-cpus 1 busybox sh -c 'echo $(cat /sys/fs/cgroup/cpuset.cpus) $(nproc)')"
check CpusetOfTheProcess 1 "$(box --cpuset-cpus 1 busybox sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)"
check CpuMax "50000 100000" "$(box --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max)"
rcrt run -d --name half --cpus 0.5 busybox sh -c 'while :; do :; done' >/dev/null
half=$(group half)
usage() { sed -n 's/^usage_usec //p' "$half/cpu.stat"; }
clock() { awk '{ printf "%d", $1 * 1000000 }' /proc/uptime; }
sleep 1
usage_before=$(usage) clock_before=$(clock)
sleep 5
usage_after=$(usage) clock_after=$(clock)
check CpuShare "45 to 55" "$(between 45 55 $(((usage_after - usage_before) * 100 / (clock_after - clock_before))))"

# Stop, rm -f.
rcrt rm -f half >/dev/null
check RemovedByForce gone "$(soon "$half")"
rcrt run -d --name stopped --memory 64m busybox sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
stopped=$(group stopped)
check HasAGroup yes "$([ -e "$stopped/memory.max" ] && echo yes)"
says_up stopped
rcrt stop stopped >/dev/null
check StopExit '3 false ""' "$(state stopped ExitCode) $(state stopped OOMKilled) $(state stopped Error)"
check StopLeavesNoGroup gone "$(soon "$stopped")"
check Remove stopped "$(rcrt rm stopped)"
check Removed "" "$(rcrt ps -aq)"

# Disks. At 1 MB/s three MB cannot take less than 2 s.
disk=$(cat /sys/block/vdb/dev)
write='cat /sys/fs/cgroup/io.max; dd if=/dev/zero of=/dev/vdb bs=256k count=12 oflag=direct 2>/dev/null'
clock_before=$(clock)
check IoMax "$disk rbps=max wbps=1048576 riops=max wiops=max" \
  "$(box --device /dev/vdb --device-write-bps /dev/vdb:1mb busybox sh -c "$write")"
check WriteLimit yes "$([ $(($(clock) - clock_before)) -ge 2000000 ] && echo yes)"

# Devices: anybody may make the node, nobody may open it.
node="mknod /tmp/disk b ${disk%:*} ${disk#*:} && head -c 1 /tmp/disk | wc -c"
check DeviceDenied "head: /tmp/disk: Operation not permitted 0" "$(echo $(box busybox sh -c "$node"))"
check DeviceDeniedWithLimits "head: /tmp/disk: Operation not permitted 0" \
  "$(echo $(box --memory 64m --pids-limit 10 busybox sh -c "$node"))"
check DeviceAllowed 1 "$(box --device /dev/vdb busybox sh -c 'head -c 1 /dev/vdb | wc -c')"
check DeviceAllowedByNumber 1 "$(box --device /dev/vdb busybox sh -c "$node")"
check DeviceReadOnly "1 sh: can't create /dev/d: Operation not permitted" \
  "$(echo $(box --device /dev/vdb:/dev/d:r busybox sh -c 'head -c 1 /dev/d | wc -c; echo x >/dev/d'))"

# A user namespace of its own: the image's files belong to whom they belong.
check UserNamespace "0:0 0:0 made" \
  "$(echo $(box --uidmap 0:100000:65536 busybox sh -c 'stat -c %u:%g / /etc/passwd; touch /made && echo made'))"
check MappedBind "0:0" "$(box --uidmap 0:100000:65536 -v /etc:/host:ro,idmap busybox stat -c %u:%g /host/passwd)"

# The bridge.
gateway='ip route | sed -n "s/default via \([^ ]*\).*/\1/p"'
check PingsItsGateway "1 packets transmitted, 1 packets received, 0% packet loss" \
  "$(/usr/bin/rcrt --net=bridge run --rm --memory 64m busybox sh -c "ping -c1 -W5 \$($gateway)" | grep transmitted)"
/usr/bin/rcrt --net=bridge run -d --name server -p 8080:80 busybox \
  sh -c 'echo hello >/tmp/i; httpd -p 80 -h /tmp; echo up; exec sleep 1000' >/dev/null
says_up server
check BridgeOfTheHost yes "$([ -e /sys/class/net/rcrt0/bridge ] && echo yes)"
check PublishedPort hello "$(timeout 5 wget -qO- http://127.0.0.1:8080/i)"
rcrt rm -f server >/dev/null

# What was there before, and nothing else; the bridge goes some time after its last container.
for _ in $(seq 100); do
  [ "$(machine)" != "$before" ] || break
  sleep 0.1
done
machine >/tmp/after
check NothingLeft "" "$(echo "$before" | diff - /tmp/after)"
exit $failed
