#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bonded port upstream (net_bonding, active backup, on two net_tap members behind a bridge): when the member
# in use goes down the stream goes on by the other one, and back.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario bond
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
export LAB_RATE=500

lab_wrap lab_network lab_write_configs lab_start_part
lab_network() {
	plain_lab_network || return 1
	# The switch, in inletd's namespace: what comes from up0 goes to the members.
	lab_in inlet ip link add br0 type bridge mcast_snooping 0 forward_delay 0 &&
		lab_in inlet ip link set up0 master br0 && lab_in inlet ip link set br0 up
}
lab_write_configs() {
	plain_lab_write_configs
	sed -i 's/device = "net_af_xdp0,iface=up0";/device = "net_bonding0,mode=1,slave=net_tap0,slave=net_tap1";\
		members = [ "net_tap0,iface=bt0,mac=02:00:00:00:00:0a", "net_tap1,iface=bt1,mac=02:00:00:00:00:0b" ];/' \
		"$LAB_STATE/inlet.conf"
}
members_there() { lab_in inlet ip link show bt0 && lab_in inlet ip link show bt1; }
lab_start_part() {
	plain_lab_start_part "$@"
	[ "$1" = inletd ] || return 0
	lab_wait 30 lab_inletd_ready && members_there >/dev/null || return 0 # the wait for inletd tells
	local i
	for i in 0 1; do
		# To the bridge a member's own address is one to keep: it must not be the bond's.
		lab_in inlet ip link set "bt$i" address "02:bb:00:00:00:0$i" && lab_in inlet ip link set "bt$i" master br0 &&
			lab_in inlet ip link set "bt$i" up
	done
}
ports() { lab_inlet show ports --json; }
used() { # used N: the line that says so is there N times
	[ "$(grep -c 'bond: member [0-9]* is down, member [0-9]* is used' "$LAB_STATE/inletd.log")" -ge "$1" ]
}
received() { # by a member's TAP from the bond: what inletd sends by it
	lab_in inlet cat "/sys/class/net/$1/statistics/tx_packets"
}
growing() { # growing TAP: more than 100 packets more go to inletd by it
	[ "$(received "$1")" -gt $((BEFORE + 100)) ]
}
bring_up

check "the port is a bond, whose MAC address is the first member's" eval \
	'ports | jq -e ".[0].driver == \"net_bonding\" and .[0].phys_address == \"02:00:00:00:00:0a\" and .[0].oper_status == \"up\""'
lab_join "$S" "$G" --seconds 14
check "a channel flows through the bond" lab_wait 20 state_is "$S" "$G" flowing
BEFORE=$(received bt0)
check "by its first member" lab_wait 10 growing bt0
lab_in inlet ip link set bt0 down
check "that goes down: the other is used" lab_wait 10 used 1
BEFORE=$(received bt1)
check "and the stream goes on by it" lab_wait 10 growing bt1
lab_in inlet ip link set bt0 up
lab_in inlet ip link set bt1 down
check "the other goes down, the first being back: that is used" lab_wait 10 used 2
BEFORE=$(received bt0)
check "and the stream goes on by it" lab_wait 10 growing bt0
check "the port's link was never down" eval '! lab_log_has inletd "link if=wan state=down"'
check "the receiver counts for 14 s" lab_wait 40 lab_gone "recv-$S-$G"
jq -c 'del(.each)' "$LAB_STATE/recv-$S-$G.out" | diag
# Each time it takes up to 100 ms until inletd looks. A bridge that has forgotten where the bond is floods: what
# lies in the other member's queue from then is read a second time.
jq -e --argjson rate "$LAB_RATE" '.packets > $rate * 4 and .lost < $rate * 2 and .duplicated < $rate and .bad == 0' \
	"$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "two changes cost less than a second of the stream each ($(jq .lost "$LAB_STATE/recv-$S-$G.out") of $(jq .packets "$LAB_STATE/recv-$S-$G.out") packets)"
check "no tunnel is left" lab_wait 15 no_tunnels
scenario_end
