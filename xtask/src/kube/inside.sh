# The first process of a node. Arguments as for the one outside.
set -eu
folder=$1 name=$2 address=$4 gateway=$5 api=$6 services=$7 group=$8
hostname "$name"
# What it keeps is kept in memory, and lies where others expect it.
for at in /run /var/lib /var/log; do mount -t tmpfs node "$at"; done
# A kubelet sets these of the kernel, which is not this node's alone.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
    kernel/keys/root_maxbytes; do
    mkdir -p "/run/sys/${setting%/*}"
    cp "/proc/sys/$setting" "/run/sys/$setting"
    mount --bind "/run/sys/$setting" "/proc/sys/$setting"
done
for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
    # With one hierarchy the others are groups in it.
    if [ -e "$root/cgroup.procs" ]; then mkdir "$root/$group" && [ ! -e "$root/cgroup.controllers" ] || break; fi
done

touch "$folder/made"
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip link set lo up
ip addr add "$address/16" dev eth0
ip link set eth0 up
ip route add default via "$gateway"
ip route add "$api" via "$gateway"
# An address of a Service that nobody on this node serves refuses at once.
ip route add unreachable "$services"
echo 1 >/proc/sys/net/ipv4/ip_forward
shift 8
while [ $# -gt 0 ]; do
    ip route add "$2" via "$1"
    shift 2
done

containerd --config "$folder/containerd.toml" &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for images in "$folder"/../*.images; do ctr --namespace k8s.io images import "$images"; done
"$KUBELET" --config="$folder/kubelet.json" --kubeconfig="$folder/kubeconfig" --hostname-override="$name" --node-ip="$address" &
# A shell that waits also buries what others leave behind.
wait $!
