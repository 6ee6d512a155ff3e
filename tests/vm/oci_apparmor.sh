#!/bin/sh
# SPDX-License-Identifier: MIT
# rcrt-oci where the kernel has AppArmor: the container's processes are confined by the profile
# that process.apparmorProfile names.
set -u
suite=OciAppArmor
. tests/vm/cases.sh
bundle=/tmp/bundle
mkdir -p $bundle
rcrt unpack busybox $bundle/rootfs
mount -t securityfs none /sys/kernel/security
cat >/tmp/profiles <<EOF
profile rcrt-test flags=(attach_disconnected) {
  file, capability, network, signal, mount, umount, pivot_root,
  deny /etc/group r,
}
profile rcrt-other flags=(attach_disconnected) {
  file, capability, network, signal,
  deny /etc/passwd r,
}
EOF
apparmor_parser --replace --skip-cache /tmp/profiles

config() {  # PROFILE SCRIPT
  cat >$bundle/config.json <<EOF
{"ociVersion": "1.2.0", "root": {"path": "rootfs"},
 "process": {"args": ["sh", "-c", "$2"], "cwd": "/", "env": ["PATH=/bin"], "apparmorProfile": "$1",
             "noNewPrivileges": ${privileges:-false}},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
 "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]}}
EOF
}
look='cat /proc/self/attr/current; cat /etc/group /etc/passwd 2>/dev/null | wc -l'
shown() { rcrt-oci "$@" 2>&1 | tr '\n' ' ' | sed 's/ $//'; }

config rcrt-test "$look"
check Profile "rcrt-test (enforce) $(wc -l <$bundle/rootfs/etc/passwd)" "$(shown run --bundle $bundle c)"
privileges=true
config rcrt-test 'cat /proc/self/attr/current'
check ProfileWithoutNewPrivileges "rcrt-test (enforce)" "$(shown run --bundle $bundle c)"
privileges=false
config unconfined 'cat /proc/self/attr/current'
check Unconfined unconfined "$(shown run --bundle $bundle c)"
config '' 'cat /proc/self/attr/current'
check None unconfined "$(shown run --bundle $bundle c)"
config no-such-profile 'echo ran'
said=$(shown run --bundle $bundle c)
case $said in
  *'cannot set the security label "exec no-such-profile"'*'see process.apparmorProfile')
    check Unknown 0 0 ;;
  *) check Unknown "an error that names it" "$said" ;;
esac

config rcrt-test 'sleep 1000'
rcrt-oci run --detach --bundle $bundle c </dev/null >/dev/null 2>&1
check Exec "rcrt-test (enforce)" "$(shown exec c cat /proc/self/attr/current)"
check ExecElsewhere "rcrt-other (enforce)" "$(shown exec --apparmor rcrt-other c cat /proc/self/attr/current)"
rcrt-oci delete --force c
exit $failed
