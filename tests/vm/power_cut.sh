#!/bin/sh
# SPDX-License-Identifier: MIT
# The power goes while images are pulled, loaded, unpacked and removed: an image that is listed
# afterwards is whole, and every pull and load finishes. /mnt is what outlasts the cuts: the registry's
# data, an archive, and ours.
set -u
suite=PowerCut
. tests/vm/cases.sh
cuts=3
registry=127.0.0.1:5000
rcrt() { /usr/bin/rcrt --root="${root:-/mnt/rcrt}" --net=none "$@"; }
serve() {
  cat >/tmp/registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: /mnt/registry}}
http: {addr: '$registry', secret: x}
END
  OTEL_TRACES_EXPORTER=none /usr/bin/docker-registry serve /tmp/registry.yml >/dev/null 2>&1 &
  for _ in $(seq 300); do
    wget -q -O /dev/null "http://$registry/v2/" 2>/dev/null && return
    sleep 0.1
  done
}
sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort | sha256sum); }
listed() { rcrt images | grep -c "$registry/app *$1 "; }

# An image that is listed is what was pushed, in its blobs and in its unpacked layer.
whole() {  # TAG
  rm -rf /tmp/out
  rcrt unpack "$registry/app:$1" /tmp/out && [ "$(sums /tmp/out)" = "$(cat "/mnt/sum$1")" ] || return 1
  for layer in /mnt/rcrt/layers/????????*; do
    [ "$(sums "$layer")" != "$(cat "/mnt/sum$1")" ] || return 0
  done
  return 1
}

serve
boot=$(cat /mnt/boot 2>/dev/null || echo 0)
if [ "$boot" = 0 ]; then
  for tag in 1 2; do
    mkdir -p /tmp/tree/$tag
    for file in $(seq 20); do dd if=/dev/urandom of=/tmp/tree/$tag/$file bs=32k count=$((file % 4)) 2>/dev/null; done
    sums /tmp/tree >/mnt/sum$tag
    root=/tmp/maker rcrt import -q /tmp/tree "$registry/app:$tag"
    root=/tmp/maker rcrt push -q "$registry/app:$tag" || failed=1
  done
  # The second one comes from an archive, too.
  root=/tmp/maker rcrt save -q -o /mnt/archive "$registry/app:2" || failed=1
  rm -rf /tmp/maker
fi
left=$(find /mnt/rcrt/partial /mnt/rcrt/incoming -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)
echo "boot $boot: $left unfinished; listed: $(listed 1) $(listed 2)"
for tag in 1 2; do
  if [ "$(listed $tag)" = 1 ]; then check "Boot${boot}Whole$tag" yes "$(whole $tag && echo yes)"; fi
done
if [ "$boot" != 0 ]; then
  check "Boot${boot}Verify" "0 problems" "$(rcrt image verify 2>&1 | sed 's/.*checked, //')"
fi
if [ "$boot" -lt $cuts ] && [ $failed = 0 ]; then
  echo $((boot + 1)) >/mnt/boot
  for tag in 1 2; do rcrt pull -q "$registry/app:$tag" >/dev/null; done
  sync
  # What is half done reaches the disk too.
  while sleep 0.1; do sync; done &
  echo VM-CUT-NOW
  while :; do
    for tag in 1 2; do
      rcrt rmi "$registry/app:$tag" >/dev/null 2>&1
      rcrt pull -q "$registry/app:$tag" >/dev/null 2>&1
    done
    rcrt rmi "$registry/app:2" >/dev/null 2>&1
    rcrt load -q -i /mnt/archive >/dev/null 2>&1
    rm -rf /mnt/unpacked
    rcrt unpack "$registry/app:1" /mnt/unpacked >/dev/null 2>&1
  done
fi
for tag in 1 2; do
  check "Pull$tag" 0 "$(rcrt pull -q "$registry/app:$tag" >/dev/null; echo $?)"
  check "Pulled$tag" yes "$(whole $tag && echo yes)"
  check "Remove$tag" 0 "$(rcrt rmi "$registry/app:$tag" >/dev/null; echo $?)"
done
check Load 0 "$(rcrt load -q -i /mnt/archive >/dev/null; echo $?)"
check Loaded yes "$(whole 2 && echo yes)"
rm -rf /mnt/unpacked
check Unpack 0 "$(rcrt unpack "$registry/app:2" /mnt/unpacked; echo $?)"
check Unpacked "$(cat /mnt/sum2)" "$(sums /mnt/unpacked)"
check RemoveLoaded 0 "$(rcrt rmi "$registry/app:2" >/dev/null; echo $?)"
check NothingLeft "" "$(find /mnt/rcrt/partial /mnt/rcrt/incoming /mnt/rcrt/images/blobs /mnt/rcrt/layers -type f ! -name .lock)"
exit $failed
