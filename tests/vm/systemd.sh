#!/bin/sh
# SPDX-License-Identifier: MIT
# rcrt-oci --systemd-cgroup where systemd is process 1: the cgroup is a scope of systemd's, with the
# limits of the configuration, and systemd keeps them. Ends engines.sh, which has unpacked /root/fs.
set -u
suite=Systemd
. tests/vm/cases.sh
lines() { tr '\n' ' ' | sed 's/ $//'; }
oci=/usr/bin/rcrt-oci
group=/sys/fs/cgroup
wanted="33554432 20 50000 100000"

mkdir -p /root/bundle
cat >/root/bundle/config.json <<END
{"ociVersion": "1.2.0", "root": {"path": "/root/fs"},
 "process": {"args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
 "mounts": [{"type": "proc", "source": "proc", "destination": "/proc"}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}], "cgroupsPath": "test-own.slice:rcrt:one",
           "resources": {"memory": {"limit": 33554432}, "pids": {"limit": 20}, "cpu": {"quota": 50000, "period": 100000, "cpus": "1"}}}}
END
scope=$group/test.slice/test-own.slice/rcrt-one.scope
run() { $oci --systemd-cgroup run "$@" --bundle /root/bundle one </dev/null >/tmp/said 2>&1; }
run -d
check Runs "" "$(cat /tmp/said)"
check Limits "$wanted" "$(cat $scope/memory.max $scope/pids.max $scope/cpu.max | lines)"
check HasOneProcess "$($oci state one | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')" "$(lines <$scope/cgroup.procs)"
$oci update --pids-limit 30 one
check Update 30 "$(cat $scope/pids.max)"
kill -HUP 1
sleep 1
check KeepsItsLimits "33554432 30 50000 100000" "$(cat $scope/memory.max $scope/pids.max $scope/cpu.max | lines)"
check Exec 0::/../rcrt-one.scope "$($oci exec one cat /proc/self/cgroup | sed 's|/test.*own.slice|/..|')"
$oci pause one
check Paused "frozen 1" "$(grep frozen $scope/cgroup.events)"
$oci resume one
$oci --systemd-cgroup delete -f one
check IsGone no "$([ -e $scope ] && echo yes || echo no)"
run -d
check Again "" "$(cat /tmp/said)"
$oci --systemd-cgroup delete -f one
sed -i 's/test-own.slice:rcrt:one/sl:ash/' /root/bundle/config.json
run
check BadScope yes "$(grep -q 'linux.cgroupsPath "sl:ash"' /tmp/said && echo yes)"
exit $failed
