#!/bin/sh
# SPDX-License-Identifier: MIT
# dockerd, its containerd and podman on rcrt-oci, where every controller is in cgroup v2: limits are
# set, bite and are reported. Cgroups are made by systemd where that is process 1.
set -u
suite=Engines
. tests/vm/cases.sh
soon() {  # COMMAND...: until it succeeds, for two minutes at most
  for _ in $(seq 60); do
    "$@" >/dev/null 2>&1 && return
    sleep 2
  done
  echo "does not come about: $*"
  return 1
}
lines() { tr '\n' ' ' | sed 's/ $//'; }
oci=/usr/bin/rcrt-oci
driver=cgroupfs systemd=false
if [ "$(cat /proc/1/comm)" = systemd ]; then
  driver=systemd systemd=true
  umount /sys/kernel/security # no AppArmor, for which engines want a program that is not here
fi
rcrt unpack busybox /root/fs
tar -C /root/fs -cf /root/fs.tar .
limits='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
wanted="33554432 20 50000 100000"
eat='x=a; while :; do x=$x$x; done'
hog="until [ -e /go ]; do sleep 0.1; done; $eat"

# What docker and podman do in the same way. group NAME: the cgroup of its container.
engine() {  # NAME COMMAND...
  name=$1
  shift
  "$@" run -d --name hog --network none --memory 32m bb sh -c "$hog" >/dev/null
  hogs=$(group hog)
  check "${name}Place" 33554432 "$(cat "$hogs/memory.max")"
  check "${name}Limits" "$wanted" \
    "$("$@" run --rm --network none --memory 32m --pids-limit 20 --cpus 0.5 bb sh -c "$limits" | lines)"
  "$@" exec hog touch /go
  check "${name}Killed" 137 "$("$@" wait hog)"
  # conmon tells podman nothing of it, with any runtime; systemd's scope may be gone before docker looks.
  if [ "$name $driver" = "Docker cgroupfs" ]; then
    check DockerOomKilled true "$(docker inspect -f '{{.State.OOMKilled}}' hog)"
  fi
  soon test ! -e "$hogs"
  check "${name}Gone" no "$([ -e "$hogs" ] && echo yes || echo no)"
  "$@" rm hog >/dev/null
  "$@" run -d --name life --network none --memory 32m --pids-limit 20 bb sh -c 'while :; do :; done' >/dev/null
  life=$(group life)
  check "${name}Stats" "$stats" "$("$@" stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' life | sed 's/.*\/ //')"
  "$@" pause life >/dev/null
  check "${name}Paused" "frozen 1" "$(grep frozen "$life/cgroup.events")"
  "$@" unpause life >/dev/null
  check "${name}Unpaused" "frozen 0" "$(grep frozen "$life/cgroup.events")"
}

# dockerd wants a runc, used or not.
ln -s $oci /usr/bin/runc
export DOCKER_HOST=unix:///run/docker.sock
dockerd --data-root /root/docker --exec-root /run/docker -p /run/docker.pid -H $DOCKER_HOST --storage-driver vfs \
  --bridge none --iptables=false --add-runtime rcrt=$oci --default-runtime rcrt \
  --exec-opt native.cgroupdriver=$driver >/root/docker.log 2>&1 &
soon docker version || tail -n 3 /root/docker.log
docker import /root/fs.tar bb >/dev/null
group() {
  id=$(docker inspect -f '{{.Id}}' "$1")
  if [ $driver = systemd ]; then echo "/sys/fs/cgroup/system.slice/docker-$id.scope"; else echo "/sys/fs/cgroup/docker/$id"; fi
}
stats="32MiB 1"
engine Docker docker
docker update --pids-limit 30 life >/dev/null
check DockerUpdate 30 "$(cat "$life/pids.max")"
docker rm -f life >/dev/null

# dockerd's containerd has no use for the default path of its socket.
containerd() { ctr --address /run/docker/containerd/containerd.sock "$@"; }
docker save bb | containerd image import --snapshotter native - >/dev/null
place=/sys/fs/cgroup/test/counted
scope=/test/counted
if [ $driver = systemd ]; then
  place=/sys/fs/cgroup/system.slice/test-counted.scope
  scope=system.slice:test:counted
fi
containerd run --detach --snapshotter native --runc-binary $oci --runc-systemd-cgroup=$systemd \
  --cgroup $scope --memory-limit 33554432 --cpus 0.5 docker.io/library/bb:latest counted sleep 1000
check ContainerdLimits "33554432 50000 100000" "$(cat $place/memory.max $place/cpu.max | lines)"
check ContainerdMetrics yes "$(containerd task metrics counted | grep -q '^memory.usage_limit *33554432' && echo yes)"
containerd task pause counted
check ContainerdPaused "frozen 1" "$(grep frozen $place/cgroup.events)"
containerd task resume counted
containerd task kill --signal KILL counted
soon containerd task delete counted
containerd container delete counted
check ContainerdGone no "$([ -e $place ] && echo yes || echo no)"
kill "$(cat /run/docker.pid)"

mkdir -p /etc/containers /var/tmp
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers"\ngraphroot = "/root/containers"\n' >/etc/containers/storage.conf
printf '[engine]\nevents_logger = "file"\n' >/etc/containers/containers.conf
on_rcrt() { podman --runtime $oci --cgroup-manager $driver "$@"; }
on_rcrt import /root/fs.tar bb >/dev/null 2>&1
group() {
  id=$(on_rcrt inspect -f '{{.Id}}' "$1")
  if [ $driver = systemd ]; then echo "/sys/fs/cgroup/machine.slice/libpod-$id.scope"; else echo "/sys/fs/cgroup/libpod_parent/libpod-$id"; fi
}
stats="33.55MB 1"
engine Podman on_rcrt
on_rcrt container checkpoint life >/dev/null
check PodmanCheckpoint "exited no" "$(on_rcrt inspect -f '{{.State.Status}}' life) $([ -e "$life" ] && echo yes || echo no)"
on_rcrt container restore life >/dev/null
check PodmanRestore "running 33554432 1" \
  "$(on_rcrt inspect -f '{{.State.Status}}' life) $(cat "$life/memory.max" "$life/cgroup.procs" | sed '2,$s/.*/1/' | lines)"
on_rcrt rm -f -t 0 life >/dev/null
if [ $driver = systemd ]; then sh tests/vm/systemd.sh || failed=1; fi
exit $failed
