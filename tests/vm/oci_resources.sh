#!/bin/sh
# SPDX-License-Identifier: MIT
# rcrt-oci on a machine with every controller in cgroup v2: each member of linux.resources
# ends in the file of the kernel it is meant for. And what this kernel, older than the machine's
# may be, has rcrt-oci do differently.
set -u
suite=OciResources
. tests/vm/cases.sh
bundle=/tmp/bundle
mkdir -p $bundle
rcrt unpack busybox $bundle/rootfs

# The configuration with these limits, whose command is a shell script.
config() {  # RESOURCES SCRIPT
  cat >$bundle/config.json <<EOF
{"ociVersion": "1.2.0", "root": {"path": "rootfs"},
 "process": {"args": ["sh", "-c", "$2"], "cwd": "/", "env": ["PATH=/bin"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}],
 "linux": {"resources": {$1},
           "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "cgroup"}, {"type": "network"}]}}
EOF
}
limit() {  # NAME RESOURCES FILE EXPECTED
  config "$2" "cat /sys/fs/cgroup/$3"
  check "$1" "$4" "$(rcrt-oci run --bundle $bundle c 2>&1)"
}
refused() {  # NAME RESOURCES PATH
  config "$2" true
  said=$(rcrt-oci run --bundle $bundle c 2>&1)
  case $said in *"$3"*) check "$1" 0 0 ;; *) check "$1" "$3" "$said" ;; esac
}

limit MemoryLimit '"memory": {"limit": 33554432}' memory.max 33554432
limit MemoryUnlimited '"memory": {"limit": -1, "reservation": 4096}' memory.max max
limit MemorySwapIsTheSum '"memory": {"limit": 33554432, "swap": 67108864}' memory.swap.max 33554432
limit MemorySwapUnlimited '"memory": {"limit": 33554432, "swap": -1}' memory.swap.max max
limit MemoryReservation '"memory": {"reservation": 16777216}' memory.low 16777216
limit MemoryOfOldIsIgnored '"memory": {"limit": 33554432, "kernel": 1, "kernelTCP": 1, "swappiness": 5}' memory.max 33554432
limit CpuShares '"cpu": {"shares": 2048}' cpu.weight 174
limit CpuSharesLeast '"cpu": {"shares": 2}' cpu.weight 1
limit CpuQuotaAndPeriod '"cpu": {"quota": 50000, "period": 200000}' cpu.max "50000 200000"
limit CpuQuotaAlone '"cpu": {"quota": 50000}' cpu.max "50000 100000"
limit CpuBurst '"cpu": {"quota": 50000, "burst": 10000}' cpu.max.burst 10000
limit CpuIdle '"cpu": {"idle": 1}' cpu.idle 1
limit Cpus '"cpu": {"cpus": "1"}' cpuset.cpus 1
limit Mems '"cpu": {"mems": "0"}' cpuset.mems 0
limit Pids '"pids": {"limit": 17}' pids.max 17
limit BlockIoWeight '"blockIO": {"weight": 500}' io.bfq.weight "default 500"
limit HugePages '"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]' hugetlb.2MB.max 4194304
limit Unified '"unified": {"memory.high": "20971520"}' memory.high 20971520
limit NetworkIsIgnored '"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]}, "pids": {"limit": 9}' pids.max 9
disk=$(awk '$4 == "vdb" {print $1 ":" $2}' /proc/partitions)
device="{\"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"rate\": 1048576}"
limit BlockIoThrottles "\"blockIO\": {\"throttleReadBpsDevice\": [$device], \"throttleWriteBpsDevice\": [$device], \"throttleReadIOPSDevice\": [$device], \"throttleWriteIOPSDevice\": [$device]}" io.max \
  "$disk rbps=1048576 wbps=1048576 riops=1048576 wiops=1048576"

refused SwapBelowLimit '"memory": {"limit": 100, "swap": 50}' linux.resources.memory.swap
refused WrongType '"pids": {"limit": "many"}' linux.resources.pids.limit
refused WrongIdle '"cpu": {"idle": 2}' linux.resources.cpu.idle
refused WrongPeriod '"cpu": {"quota": 5000, "period": 5}' linux.resources.cpu.period
refused WrongWeight '"blockIO": {"weight": 5}' linux.resources.blockIO.weight
refused WrongPageSize '"hugepageLimits": [{"pageSize": "2", "limit": 1}]' 'linux.resources.hugepageLimits[0].pageSize'
refused WrongUnified '"unified": {"../x": "1"}' 'linux.resources.unified'

# Changed while it runs, by flags and as JSON.
config '"pids": {"limit": 17}' 'sleep 1000'
rcrt-oci run --detach --bundle $bundle c </dev/null >/dev/null 2>&1
group=/sys/fs/cgroup$(cut -d: -f3 "/proc/$(rcrt-oci state c | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/cgroup")
rcrt-oci update --pids-limit 18 --memory 64m --cpu-share 2048 c
check UpdateByFlags "18 67108864 174" "$(cat "$group/pids.max") $(cat "$group/memory.max") $(cat "$group/cpu.weight")"
echo '{"pids": {"limit": 19}, "memory": {"limit": 33554432}}' | rcrt-oci update -r - c
check UpdateByJson "19 33554432" "$(cat "$group/pids.max") $(cat "$group/memory.max")"
check EventsStats 19 "$(rcrt-oci events --stats c | sed -n 's/.*"limit":\([0-9]*\)},"type.*/\1/p; s/.*"pids":{"current":1,"limit":\([0-9]*\)}.*/\1/p' | head -n 1)"
rcrt-oci pause c
check Paused 1 "$(sed -n 's/^frozen //p' "$group/cgroup.events")"
rcrt-oci resume c
check Resumed 0 "$(sed -n 's/^frozen //p' "$group/cgroup.events")"
rcrt-oci delete --force c
check NothingIsLeft gone "$([ -e "$group" ] && echo there || echo gone)"

config '' 'cat /proc/self/comm; readlink /proc/self/ns/mnt'
sed -i 's/{"type": "mount"}, //' $bundle/config.json
mounts=$(cat /proc/self/mountinfo)
check WithoutAMountNamespace "cat $(readlink /proc/self/ns/mnt)" "$(rcrt-oci run --bundle $bundle c 2>&1 | xargs)"
check TheMachineSeesNothing "$mounts" "$(cat /proc/self/mountinfo)"
exit $failed
