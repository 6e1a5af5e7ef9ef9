# A node: containerd and a kubelet that see a machine of their own. Whatever runs on it ends with the first process in it.
# $1: the node's folder, which holds the configuration; then its name, number, address, gateway, API, services, control
# group, and for each of the other nodes its address and its pods.
set -eu
folder=$1 number=$3
echo $$ >"$folder/pid"
# The cable is laid from outside, once there is an inside.
(
    until [ -e "$folder/made" ]; do sleep 0.02; done
    ip link add "node$number" type veth peer name eth0 netns $$
    ip link set "node$number" master nodes up
) &
exec unshare --net --mount --pid --uts --ipc --fork --mount-proc --kill-child --propagation private \
    sh -c "$INSIDE" node "$@"
