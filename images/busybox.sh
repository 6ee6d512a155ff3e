#!/bin/sh
# SPDX-License-Identifier: MIT
# busybox.sh BUSYBOX OUTPUT.tar: the embedded default image, a root file system made of one
# static busybox. Reproducible: the same busybox gives the same bytes.
set -eu
busybox=$1
output=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 0755 "$root"

# Places the runtime mounts over; those that are there need not be made in a container.
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/home" "$root/proc" "$root/run" \
  "$root/sys" "$root/usr" "$root/var"
: >"$root/etc/hosts"
: >"$root/etc/hostname"
: >"$root/etc/resolv.conf"
mkdir -m 0700 "$root/root"
mkdir -m 1777 "$root/tmp" "$root/var/tmp"

install -m 0755 "$busybox" "$root/bin/busybox"
"$busybox" --list-full | while read -r applet; do
  case $applet in
    bin/busybox) continue ;;
    */*) ;;
    *) applet=bin/$applet ;;
  esac
  mkdir -p "$root/${applet%/*}"
  up=$(printf %s "${applet%/*}" | sed 's,[^/][^/]*,..,g')
  ln -s "$up/bin/busybox" "$root/$applet"
done

cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
PASSWD
cat >"$root/etc/group" <<'GROUP'
root:x:0:
tty:x:5:
nogroup:x:65534:
GROUP

tar --create --file="$output" --directory="$root" --format=posix \
  --pax-option=delete=atime,delete=ctime --sort=name --mtime=@0 \
  --owner=0 --group=0 --numeric-owner .
