# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Links that flap, and netdevs that are set down, renamed, moved away, deleted and changed: those under the
# ports (up0, dn0), and the TAPs of the kernel-interface ports (wan, lan).

link_is() { # link_is IF STATUS
	lab_inlet show ports --json | jq -e --arg i "$1" --arg s "$2" 'any(.[]; .name == $i and .oper_status == $s)'
}
netdev() { lab_in inlet ip link set "$@"; } # netdev DEVICE WHAT...
FLAP_S=1
# A record whose TTL runs out meanwhile is asked for in vain; what DNS is thought of is known again in five
# seconds, in the row behind.
dns_too() { also driad.ERROR driad.SILENT; }
# What was said again while there was no link is answered twice when it is back.
amt_too() { also amt.UNEXPECTED; }
# A TAP that is down takes none of what comes meanwhile for the slow path: an answer of DNS, of a relay, of ARP.
tap_too() { also interface_kernel_errors; }

row carrier_upstream quick "the upstream link loses its carrier for a second"
fault_carrier_upstream() {
	dns_too
	amt_too
	counter port_link_downs
	victim all
	limit 8000
	lab_in net ip link set to-inlet down
	must "it is shown" lab_wait 5 link_is wan down
	sleep $FLAP_S
	lab_in net ip link set to-inlet up
	must "one line says so" lab_wait 5 row_log_count 'link if=wan state=down' 1
}

row carrier_downstream quick "the downstream link loses its carrier for a second"
fault_carrier_downstream() {
	dns_too
	counter port_link_downs
	victim all
	limit 30000 # the router has lost its joins too
	lab_in frr ip link set xup0 down
	must "it is shown" lab_wait 5 link_is lan down
	sleep $FLAP_S
	lab_in frr ip link set xup0 up
	frr_route
}
# A netdev that was down has lost its routes, and zebra may not have them for it.
frr_route() {
	lab_in frr ip route replace default via 10.9.1.2
}

row netdev_down_upstream slow "the netdev under the upstream port is set down, and up"
fault_netdev_down_upstream() {
	dns_too
	amt_too
	counter port_link_downs
	victim all
	limit 8000
	netdev up0 down
	must "it is shown" lab_wait 5 link_is wan down
	sleep $FLAP_S
	netdev up0 up
}

row netdev_down_downstream slow "the netdev under the downstream port is set down, and up"
fault_netdev_down_downstream() {
	dns_too
	counter port_link_downs
	victim all
	limit 30000 # the router has lost its joins too
	netdev dn0 down
	must "it is shown" lab_wait 5 link_is lan down
	sleep $FLAP_S
	netdev dn0 up
}

row netdev_renamed quick "the netdev under the upstream port gets another name"
fault_netdev_renamed() {
	dns_too
	amt_too
	counter port_link_downs
	victim all
	limit 8000
	netdev up0 down # not every kernel renames one that is up
	must "it is shown" lab_wait 5 link_is wan down
	must "it is counted" lab_wait 5 count_over port_link_downs "$(past port_link_downs)"
	netdev up0 name up9
	must "one line says so" lab_wait 5 row_log_count 'renamed if=wan netdev=up0 to=up9' 1
	netdev up9 up
	must "its link is up by its new name" lab_wait 5 link_is wan up
	must "all flow" lab_wait 30 streams_settled
	netdev up9 name up0 || {
		netdev up9 down
		netdev up9 name up0
		netdev up0 up
	}
}

row tap_down_upstream quick "the TAP of the upstream port is set down, and up: data does not care"
fault_tap_down_upstream() {
	dns_too
	tap_too
	netdev wan down
	must "one line says so" lab_wait 5 row_log_count 'kernel-interface port if=wan name=wan state=down' 1
	sleep $FLAP_S
	netdev wan up
	must "its route is back" lab_wait 5 eval 'lab_in inlet ip route show default | grep -q "dev wan"'
}

row tap_down_downstream slow "the TAP of the downstream port is set down, and up: data does not care"
fault_tap_down_downstream() {
	dns_too
	# What the router sends meanwhile is lost: PIM that the kernel does not take.
	counter interface_kernel_errors
	lab_in inlet ip link set lan down
	sleep 6 # a Hello of the router comes every 5 s
	netdev lan up
	must "one line says so" lab_wait 5 row_log_count "kernel-interface port if=lan name=lan state=up" 1
}

row tap_renamed quick "the TAP of the upstream port gets another name"
fault_tap_renamed() {
	dns_too
	tap_too
	netdev wan down
	netdev wan name wan9
	netdev wan9 up
	must "its route is back" lab_wait 5 eval 'lab_in inlet ip route show default | grep -q "dev wan9"'
	netdev wan9 down
	netdev wan9 name wan
	netdev wan up
	must "its route is back again" lab_wait 5 eval 'lab_in inlet ip route show default | grep -q "dev wan"'
}

row tap_deleted_upstream quick "the TAP of the upstream port is deleted: it is made again"
fault_tap_deleted_upstream() {
	dns_too
	counter interface_netdev_losses
	# Until tunnels are there again, the relays' data is for nobody, and the kernel has nothing to take it; what
	# it takes just before they are there is heard on their socket.
	also interface_kernel_errors fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER driad.SILENT driad.ERROR amt_send_errors amt.DATA
	victim all
	limit 10000
	lab_in inlet ip link del wan
	must "one line says so" lab_wait 5 row_log_count 'kernel-interface port deleted, made again if=wan' 1
	must "it is there again" lab_wait 10 row_log_has 'kernel-interface port made again if=wan'
	must "with its address" lab_wait 5 eval 'lab_in inlet ip addr show dev wan | grep -q 192.0.2.2/24'
	must "all flow" lab_wait 30 all_flow
}

row tap_deleted_downstream slow "the TAP of the downstream port is deleted: it is made again"
fault_tap_deleted_downstream() {
	dns_too
	counter interface_netdev_losses
	# A Join that comes before the next Hello is not taken.
	also interface_kernel_errors pim.NOT_NEIGHBOR fastpath.NOT_JOINED
	victim all
	limit 15000
	lab_in inlet ip link del lan
	must "one line says so" lab_wait 5 row_log_count 'kernel-interface port deleted, made again if=lan' 1
	must "it is there again" lab_wait 10 row_log_has 'kernel-interface port made again if=lan'
	must "all flow" lab_wait 40 all_flow
}

row tap_moved slow "the TAP of the upstream port is moved to another namespace, and back"
fault_tap_moved() {
	dns_too
	counter interface_netdev_losses
	also interface_kernel_errors fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER driad.SILENT driad.ERROR amt_send_errors amt.DATA
	victim all
	limit 30000
	netdev wan netns "$(lab_ns dns)"
	must "one line says so" lab_wait 5 row_log_count 'kernel-interface port moved to another network namespace' 1
	must "it is shown" lab_wait 5 link_is wan not-present
	lab_in dns ip link set wan netns "$(lab_ns inlet)"
	must "it is back" lab_wait 5 row_log_has 'kernel-interface port is back if=wan'
	netdev wan up
	must "all flow" lab_wait 45 all_flow
}

port_lost() { # port_lost IF NETDEV: what is said of it, and what is counted
	must "one line says so" lab_wait 5 row_log_count "port lost if=$1 netdev=$2: " 1
	must "it is shown" lab_wait 5 link_is "$1" not-present
	[ "$(count_of port_losses)" = 1 ] || bad "port_losses is $(count_of port_losses)"
	note "before the restart: port_losses +1"
	lab_running inletd || bad "inletd is gone"
	must "the other port goes on" lab_wait 5 link_is "$3" up
}
port_restarted() {
	also fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER pim.NOT_NEIGHBOR
	lab_stop inletd
	lab_start_part inletd
	must "after a restart all flow" lab_wait 40 all_flow
}

row netdev_moved slow "the netdev under the upstream port is moved away, and back: it takes a restart"
fault_netdev_moved() {
	dns_too
	restarts
	victim all
	limit 30000
	netdev up0 netns "$(lab_ns dns)"
	port_lost wan up0 lan
	lab_in dns ip link set up0 netns "$(lab_ns inlet)"
	netdev up0 xdp off # what the driver had attached came along, and it could not take it off
	netdev up0 up
	port_restarted
}

row netdev_deleted_upstream slow "the netdev under the upstream port is deleted: it takes a restart"
fault_netdev_deleted_upstream() {
	dns_too
	restarts
	victim all
	limit 30000
	lab_in inlet ip link del up0
	port_lost wan up0 lan
	lab_link inlet up0 net to-inlet
	lab_in net ip addr add 192.0.2.1/24 dev to-inlet
	port_restarted
}

row netdev_deleted_downstream slow "the netdev under the downstream port is deleted: it takes a restart"
fault_netdev_deleted_downstream() {
	dns_too
	restarts
	victim all
	limit 40000
	lab_in inlet ip link del dn0
	port_lost lan dn0 wan
	lab_stop_part frr # its interface went too
	lab_link inlet dn0 frr xup0
	lab_in frr ip addr add 10.9.1.1/24 dev xup0
	frr_route
	lab_start_part frr
	port_restarted
}

row mtu_changed quick "the MTU is changed under the upstream port, larger and back"
fault_mtu_changed() {
	dns_too
	lab_in net ip link set to-inlet mtu 1600
	netdev up0 mtu 1600
	must "one line says so" lab_wait 5 row_log_count 'the MTU was changed under the port if=wan' 1
	netdev up0 mtu 1500
	lab_in net ip link set to-inlet mtu 1500
}

row mac_changed slow "the MAC address is changed under the upstream port, and back"
fault_mac_changed() {
	dns_too
	local mac
	mac=$(lab_in inlet cat /sys/class/net/up0/address)
	netdev up0 address 02:00:00:00:00:77
	must "one line says so" lab_wait 5 row_log_count 'the MAC address was changed under the port' 1
	sleep 1
	netdev up0 address "$mac"
}

row address_changed quick "the operator takes the upstream address away, and gives it back"
fault_address_changed() {
	dns_too
	counter amt_send_errors
	# The relays' data is for nobody until there are tunnels again, and has a rate on its way up.
	also driad.SILENT driad.ERROR fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER
	victim all
	limit 15000
	lab_in inlet ip addr del 192.0.2.2/24 dev wan
	must "the tunnels are closed" lab_wait 5 no_tunnels
	lab_in inlet ip addr add 192.0.2.2/24 dev wan
	lab_in inlet ip route replace default via 192.0.2.1 dev wan
	must "all flow" lab_wait 30 all_flow
}
