#!/bin/sh
# SPDX-License-Identifier: MIT
# dockerd on rcrt-oci where every controller is in cgroup v2: limits are set, bite and are reported.
set -u
failed=0
check() {  # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then
    echo "[       OK ] Docker.$1"
  else
    echo "[  FAILED  ] Docker.$1: expected \"$2\", got \"$3\""
    failed=1
  fi
}
soon() {  # COMMAND...: until it succeeds, for two minutes at most
  for _ in $(seq 60); do
    "$@" >/dev/null 2>&1 && return
    sleep 2
  done
  echo "does not come about: $*"
}
lines() { tr '\n' ' ' | sed 's/ $//'; }
oci=/usr/bin/rcrt-oci
group=/sys/fs/cgroup
rcrt unpack busybox /root/fs
tar -C /root/fs -cf /root/fs.tar .
limits='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
wanted="33554432 20 50000 100000"
eat='x=a; while :; do x=$x$x; done'

# dockerd wants a runc, used or not.
ln -s $oci /usr/bin/runc
export DOCKER_HOST=unix:///run/docker.sock
dockerd --data-root /root/docker --exec-root /run/docker -p /run/docker.pid -H $DOCKER_HOST --storage-driver vfs \
  --bridge none --iptables=false --add-runtime rcrt=$oci --default-runtime rcrt >/root/docker.log 2>&1 &
soon docker version
docker import /root/fs.tar bb >/dev/null
docker run -d --name hog --network none --memory 32m bb sh -c "until [ -e /go ]; do sleep 0.1; done; $eat" >/dev/null
hog=$group/docker/$(docker inspect -f '{{.Id}}' hog)
check Place 33554432 "$(cat "$hog/memory.max")"
check Limits "$wanted" "$(docker run --rm --network none --memory 32m --pids-limit 20 --cpus 0.5 bb sh -c "$limits" | lines)"
docker exec hog touch /go
check Killed 137 "$(docker wait hog)"
check OomKilled true "$(docker inspect -f '{{.State.OOMKilled}}' hog)"
soon test ! -e "$hog"
check Gone no "$([ -e "$hog" ] && echo yes || echo no)"
docker rm hog >/dev/null
docker run -d --name life --network none --memory 32m --pids-limit 20 bb sh -c 'while :; do :; done' >/dev/null
life=$group/docker/$(docker inspect -f '{{.Id}}' life)
check Stats "32MiB 1" "$(docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' life | sed 's/.*\/ //')"
docker pause life >/dev/null
check Paused "frozen 1" "$(grep frozen "$life/cgroup.events")"
docker unpause life >/dev/null
docker update --pids-limit 30 life >/dev/null
check Update 30 "$(cat "$life/pids.max")"
docker rm -f life >/dev/null
kill "$(cat /run/docker.pid)"
exit $failed
