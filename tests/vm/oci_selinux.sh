#!/bin/sh
# SPDX-License-Identifier: MIT
# rcrt-oci where the kernel has SELinux: the container's processes have the label that
# process.selinuxLabel names, and what it mounts that of linux.mountLabel.
set -u
suite=OciSelinux
. tests/vm/cases.sh
bundle=/tmp/bundle
mkdir -p $bundle
rcrt unpack busybox $bundle/rootfs

# The smallest policy there is: it tells labels apart, and nothing is enforced.
{
  for class in security process file dir filesystem lnk_file chr_file blk_file sock_file fifo_file; do echo "class $class"; done
  sids="kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket
    tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod
    policy scmp_packet devnull"
  for sid in $sids; do echo "sid $sid"; done
  for class in security dir lnk_file chr_file blk_file sock_file fifo_file; do echo "class $class { read }"; done
  cat <<EOF
class process { transition dyntransition setexec }
class file { entrypoint execute read }
class filesystem { mount relabelfrom relabelto associate }
type base_t;
type container_t;
type content_t;
role base_r;
role base_r types { base_t container_t };
allow base_t container_t:process transition;
user base_u roles base_r;
EOF
  for sid in $sids; do echo "sid $sid base_u:base_r:base_t"; done
  cat <<EOF
fs_use_xattr ext4 base_u:object_r:base_t;
fs_use_trans tmpfs base_u:object_r:base_t;
genfscon proc / base_u:object_r:base_t
genfscon sysfs / base_u:object_r:base_t
EOF
} >/tmp/policy.conf
checkpolicy -U allow -o /tmp/policy /tmp/policy.conf >/dev/null
mount -t selinuxfs none /sys/fs/selinux
dd if=/tmp/policy of=/sys/fs/selinux/load bs=4M 2>/dev/null

config() {  # PROCESS LINUX SCRIPT
  cat >$bundle/config.json <<EOF
{"ociVersion": "1.2.0", "root": {"path": "rootfs"},
 "process": {$1 "args": ["sh", "-c", "$3"], "cwd": "/", "env": ["PATH=/bin"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/m", "type": "tmpfs", "source": "t", "options": ["size=64k"]}],
 "linux": {$2 "namespaces": [{"type": "pid"}, {"type": "mount"}]}}
EOF
}
shown() { rcrt-oci "$@" 2>&1 | tr -d '\000' | tr '\n' ' ' | sed 's/ $//'; }
container=base_u:base_r:container_t content=base_u:object_r:content_t

config '' '' 'cat /proc/self/attr/current'
check None base_u:base_r:base_t "$(shown run --bundle $bundle c)"
config "\"selinuxLabel\": \"$container\"," '' 'cat /proc/self/attr/current'
check ProcessLabel $container "$(shown run --bundle $bundle c)"
config '' "\"mountLabel\": \"$content\"," "grep ' /m ' /proc/mounts"
check MountLabel $content "$(shown run --bundle $bundle c | sed -n 's/.*[ ,]context="*\([^" ,]*\).*/\1/p')"
config '"selinuxLabel": "no_u:such_r:label_t",' '' 'echo ran'
said=$(shown run --bundle $bundle c)
case $said in
  *'cannot set the security label'*'no_u:such_r:label_t'*'see process.selinuxLabel') check Unknown 0 0 ;;
  *) check Unknown "an error that names it" "$said" ;;
esac
config '' '"mountLabel": "no_u:such_r:label_t",' 'echo ran'
said=$(shown run --bundle $bundle c)
case $said in
  *'cannot mount "/m": invalid argument'*) check UnknownMountLabel 0 0 ;;
  *) check UnknownMountLabel "an error" "$said" ;;
esac

config "\"selinuxLabel\": \"$container\"," '' 'sleep 1000'
rcrt-oci run --detach --bundle $bundle c </dev/null >/dev/null 2>&1
check Exec $container "$(shown exec c cat /proc/self/attr/current)"
check ExecElsewhere base_u:base_r:base_t "$(shown exec --process-label base_u:base_r:base_t c cat /proc/self/attr/current)"
rcrt-oci delete --force c
exit $failed
