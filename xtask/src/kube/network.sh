# The network that a control plane and its nodes share. It is there as long as this runs, and nothing of it is left after.
# $1: where our id is told when it is made; then each address: gateway, API, services, and what the nodes have for pods.
set -eu
told=$1 gateway=$2 api=$3 services=$4
ip link set lo up
ip link add nodes type bridge
ip addr add "$gateway/16" dev nodes
ip addr add "$api/32" dev nodes
ip link set nodes up
# An address that no node serves refuses at once.
ip route add unreachable "$services"
# The address of each node, and the pods behind it.
shift 4
while [ $# -gt 0 ]; do
    ip route add "$2" via "$1"
    shift 2
done
echo $$ >"$told"
exec sleep infinity
