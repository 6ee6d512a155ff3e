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

# The configuration with these limits, whose command is a shell script; $process, $mounts and $linux are
# further members.
process='' mounts='' linux=''
config() {  # RESOURCES SCRIPT
  cat >$bundle/config.json <<EOF
{"ociVersion": "1.2.0", "root": {"path": "rootfs"},
 "process": {$process "args": ["sh", "-c", "$2"], "cwd": "/", "env": ["PATH=/bin"]},
 "mounts": [$mounts {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}],
 "linux": {$linux "resources": {$1},
           "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "cgroup"}, {"type": "network"}]}}
EOF
}
log=/tmp/log
limit() {  # NAME RESOURCES FILE EXPECTED
  config "$2" "cat /sys/fs/cgroup/$3"
  check "$1" "$4" "$(rcrt-oci --log $log run --bundle $bundle c 2>&1)"
}
# What has no counterpart in cgroup v2: the rest is as it would be, and a warning says so.
ignored() {  # NAME RESOURCES MEMBER
  rm -f $log
  limit "$1" "\"pids\": {\"limit\": 9}, $2" pids.max 9
  check "${1}IsSaid" 1 "$(grep -c "level=warning.*linux.resources.$3 has no counterpart in cgroup v2" $log)"
}
refused() {  # NAME RESOURCES PATH
  config "$2" true
  said=$(rcrt-oci run --bundle $bundle c 2>&1)
  case $said in *"$3"*) check "$1" 0 0 ;; *) check "$1" "$3" "$said" ;; esac
}

limit MemoryLimit '"memory": {"limit": 33554432}' memory.max 33554432
limit MemorySwapIsTheSum '"memory": {"limit": 33554432, "swap": 67108864}' memory.swap.max 33554432
limit MemoryReservation '"memory": {"reservation": 16777216}' memory.low 16777216
ignored Kernel '"memory": {"kernel": 1}' memory.kernel
ignored KernelTcp '"memory": {"kernelTCP": 1}' memory.kernelTCP
ignored Swappiness '"memory": {"swappiness": 5}' memory.swappiness
ignored DisableOomKiller '"memory": {"disableOOMKiller": true}' memory.disableOOMKiller
ignored RealtimeRuntime '"cpu": {"realtimeRuntime": 900000}' cpu.realtimeRuntime
ignored RealtimePeriod '"cpu": {"realtimePeriod": 1000000}' cpu.realtimePeriod
ignored LeafWeight '"blockIO": {"leafWeight": 500}' blockIO.leafWeight
ignored Network '"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]}' network
rm -f $log
limit WhatV2AlwaysDoes '"memory": {"limit": 33554432, "useHierarchy": true, "checkBeforeUpdate": true}' memory.max 33554432
check WhatV2AlwaysDoesIsNoWarning 0 "$(grep -c warning $log)"
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
disk=$(awk '$4 == "vdb" {print $1 ":" $2}' /proc/partitions)
device="{\"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"rate\": 1048576}"
limit BlockIoThrottles "\"blockIO\": {\"throttleReadBpsDevice\": [$device], \"throttleWriteBpsDevice\": [$device], \"throttleReadIOPSDevice\": [$device], \"throttleWriteIOPSDevice\": [$device]}" io.max \
  "$disk rbps=1048576 wbps=1048576 riops=1048576 wiops=1048576"
echo bfq >/sys/block/vdb/queue/scheduler
limit BlockIoWeightOfADevice \
  "\"blockIO\": {\"weight\": 300, \"weightDevice\": [{\"major\": ${disk%:*}, \"minor\": ${disk#*:}, \"weight\": 700}]}" \
  io.bfq.weight "default 300
$disk 700"
# No RDMA device is here to be limited: the kernel gets the line, and says so.
refused Rdma '"rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 10000}}' \
  'linux.resources.rdma.mlx5_0": no such device; the kernel refuses "mlx5_0 hca_handle=3 hca_object=10000" in rdma.max'

refused SwapBelowLimit '"memory": {"limit": 100, "swap": 50}' linux.resources.memory.swap
refused WrongType '"pids": {"limit": "many"}' linux.resources.pids.limit
refused WrongIdle '"cpu": {"idle": 2}' linux.resources.cpu.idle
refused WrongPeriod '"cpu": {"quota": 5000, "period": 5}' linux.resources.cpu.period
refused WrongWeight '"blockIO": {"weight": 5}' linux.resources.blockIO.weight
refused WrongPageSize '"hugepageLimits": [{"pageSize": "2", "limit": 1}]' 'linux.resources.hugepageLimits[0].pageSize'
refused WrongUnified '"unified": {"../x": "1"}' 'linux.resources.unified'

refused WrongDeviceType '"devices": [{"allow": true, "type": "x"}]' \
  'linux.resources.devices[0].type": invalid argument; it is "x", and it must be "a", "b" or "c"'
refused WrongAccess '"devices": [{"allow": true, "access": "rx"}]' \
  'linux.resources.devices[0].access": invalid argument; it is "rx", and it must be made of the letters r, w and m'

# Rules for devices: the last that speaks of an access decides.
cat >$bundle/rootfs/look <<EOF
mknod /tmp/disk b ${disk%:*} ${disk#*:} 2>/dev/null && echo made
for node in /tmp/disk /dev/disk; do
  (: <\$node) 2>/dev/null && echo r
  (: >>\$node) 2>/dev/null && echo w
done
(: >>/dev/kmsg) 2>/dev/null && echo kmsg
EOF
devices() {  # NAME RULES EXPECTED
  process='"capabilities": {"bounding": ["CAP_MKNOD"], "permitted": ["CAP_MKNOD"], "effective": ["CAP_MKNOD"]},'
  mounts='{"destination": "/tmp", "type": "tmpfs", "source": "t"}, {"destination": "/dev", "type": "tmpfs", "source": "t"},'
  linux="\"devices\": [{\"path\": \"/dev/disk\", \"type\": \"b\", \"major\": ${disk%:*}, \"minor\": ${disk#*:}},
                      {\"path\": \"/dev/kmsg\", \"type\": \"c\", \"major\": 1, \"minor\": 11}],"
  config "\"devices\": [$2]" '. /look'
  check "$1" "$3" "$(rcrt-oci --log $log run --bundle $bundle c 2>&1 | xargs)"
  process='' mounts='' linux=''
}
deny='{"allow": false, "access": "rwm"}'
one="\"type\": \"b\", \"major\": ${disk%:*}, \"minor\": ${disk#*:}"
devices NoneIsNamed "$deny" made
devices AllOfAllTypes "$deny, {\"allow\": true, \"type\": \"a\", \"access\": \"rwm\"}" "made r w r w kmsg"
devices AllBlockDevices "$deny, {\"allow\": true, \"type\": \"b\", \"access\": \"rwm\"}" "made r w r w"
devices AnyMinor "$deny, {\"allow\": true, \"type\": \"b\", \"major\": ${disk%:*}, \"minor\": -1, \"access\": \"rwm\"}" "made r w r w"
devices OneToRead "$deny, {\"allow\": true, $one, \"access\": \"r\"}" "made r r"
devices OneToWrite "$deny, {\"allow\": true, $one, \"access\": \"w\"}" "made w w"
devices AnotherMajor "$deny, {\"allow\": true, \"type\": \"b\", \"major\": 7, \"access\": \"rwm\"}" made
devices UnbufferedIsCharacter "$deny, {\"allow\": true, \"type\": \"u\", \"major\": 1, \"minor\": 11, \"access\": \"w\"}" "made kmsg"
devices TheLastDecides "{\"allow\": true, $one, \"access\": \"rw\"}, $deny" made
devices ADenialAfterAll "{\"allow\": true, \"type\": \"a\", \"access\": \"rwm\"}, {\"allow\": false, $one, \"access\": \"w\"}" "made r r kmsg"

# Changed while it runs, by flags and as JSON.
config '"pids": {"limit": 17}' 'sleep 1000'
rcrt-oci run --detach --bundle $bundle c </dev/null >/dev/null 2>&1
group=/sys/fs/cgroup$(cut -d: -f3 "/proc/$(rcrt-oci state c | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/cgroup")
rcrt-oci update --pids-limit 18 --memory 64m --cpu-share 2048 c
check UpdateByFlags "18 67108864 174" "$(cat "$group/pids.max") $(cat "$group/memory.max") $(cat "$group/cpu.weight")"
rcrt-oci update --memory -1 --memory-swap -1 --pids-limit -1 c
check Unlimited "max max max" "$(cat "$group/memory.max") $(cat "$group/memory.swap.max") $(cat "$group/pids.max")"
updated() {  # FLAG VALUE FILE EXPECTED
  rcrt-oci update "$1" "$2" c
  check "Update${1#--}" "$4" "$(cat "$group/$3")"
}
updated --memory 32m memory.max 33554432
rcrt-oci update --memory 32m --memory-swap 48m c
check Updatememory-swap 16777216 "$(cat "$group/memory.swap.max")"
updated --memory-reservation 16m memory.low 16777216
updated --cpu-quota 50000 cpu.max "50000 100000"
rcrt-oci update --cpu-quota 40000 --cpu-period 80000 c
check Updatecpu-period "40000 80000" "$(cat "$group/cpu.max")"
updated --cpu-burst 10000 cpu.max.burst 10000
updated --cpuset-cpus 1 cpuset.cpus 1
updated --cpuset-mems 0 cpuset.mems 0
updated --blkio-weight 300 io.bfq.weight "default 300"
updated --cpu-idle 1 cpu.idle 1
updated --cpu-idle 0 cpu.idle 0
for flag in cpu-rt-period cpu-rt-runtime kernel-memory kernel-memory-tcp; do
  rm -f $log
  rcrt-oci --log $log update --$flag 1000 c
  check "Update$flag" 1 "$(grep -c "has no counterpart in cgroup v2" $log)"
done
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
