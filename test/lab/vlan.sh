#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# VLANs on both sides: tunnels come in by VLAN 200 of one port, native multicast leaves by VLANs 100
# and 101 of the other, which have a PIM neighbor each. The kernel has no 802.1Q here; vlan.py is the
# other end of the trunks.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario vlan
export LAB_RATE=300
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

trunk() { # trunk NAMESPACE LINK ID:TAP...: the link becomes a trunk, its VLANs are TAPs
	local ns=$1 link=$2 args=() vlan
	shift 2
	lab_in "$ns" ip link set "$link" down && lab_in "$ns" ip link set "$link" name "$link.t" &&
		lab_in "$ns" ip addr flush dev "$link.t" && lab_in "$ns" ip link set "$link.t" up || return 1
	for vlan in "$@"; do
		args+=(--vlan "$vlan")
	done
	lab_spawn "trunk-$ns" "$ns" python3 "$LAB_TOP/test/lab/vlan.py" --trunk "$link.t" "${args[@]}"
	lab_wait 10 grep -q ready "$LAB_STATE/trunk-$ns.out" || return 1
	for vlan in "$@"; do
		lab_in "$ns" ip link set "${vlan#*:}" up || return 1
	done
}
lab_wrap lab_network lab_write_configs
lab_network() {
	plain_lab_network && trunk net to-inlet 200:to-inlet && trunk frr xup0 100:xup0 101:xup1 || return 1
	lab_in net ip addr add 192.0.2.1/24 dev to-inlet
	lab_in frr ip addr add 10.9.1.1/24 dev xup0
	lab_in frr ip addr add 10.9.3.1/24 dev xup1
	lab_in frr ip route add default via 10.9.1.2
}
lab_write_configs() {
	plain_lab_write_configs
	sed -i -e '/name = "wan";/a vlan = 200;' -e '/name = "lan";/a vlan = 100;' \
		-e 's/^dns = /interfaces_end/' "$LAB_STATE/inlet.conf"
	# One more interface, on the port of lan.
	sed -i -e "/^);/i , { name = \"lan2\"; device = \"net_af_xdp1,iface=dn0\"; vlan = 101; role = \"downstream\";\n\
		addresses = [ \"10.9.3.2/24\" ]; pim = { triggered_hello_delay_ms = 500; }; }" \
		-e 's/^interfaces_end/dns = /' "$LAB_STATE/inlet.conf"
}
lab_inletd_ready() { lab_inlet show ports --json | jq -e 'length == 3'; }
bring_up
tools=$LAB_BUILD/deploy/lab.d/tools
baseline=$(mbufs)

ports() { lab_inlet show ports --json; }
check "three interfaces on two ports" eval 'ports | jq -e "map(.vlan) == [200, 100, 101] and
	map(.rx_queues) == [1, 1, null] and map(.device) ==
	[\"net_af_xdp0,iface=up0\", \"net_af_xdp1,iface=dn0\", \"net_af_xdp1,iface=dn0\"]"'
mkfifo "$LAB_STATE/speaker.in"
lab_in frr python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface xup1 --source 10.9.3.1 \
	--upstream 10.9.3.2 <"$LAB_STATE/speaker.in" >"$LAB_STATE/speaker.out" 2>&1 &
exec {SPEAKER}>"$LAB_STATE/speaker.in"
check "a PIM neighbor on VLAN 101, beside FRR on 100" \
	lab_wait 15 lab_log_has inletd "neighbor up if=lan2 addr=10.9.3.1"

for side in src:s0:out frr:xup0:in frr:xup1:in; do
	IFS=: read -r ns link direction <<<"$side"
	lab_spawn "tap-$link" "$ns" "$tools/lab-tap" --if "$link" --direction "$direction" --source "$S" \
		--group "$G" --write "$LAB_STATE/$link.pcap"
	lab_wait 5 lab_log_has "tap-$link" listening
done
check "a Join on VLAN 101" speaker "join $S $G"
check "makes the channel flow" lab_wait 10 state_is "$S" "$G" flowing
lab_join "$S" "$G" --seconds 5
check "a receiver behind VLAN 100 counts for 5 s" lab_wait 20 lab_gone "recv-$S-$G"
jq -c 'del(.each)' "$LAB_STATE/recv-$S-$G.out" | diag
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0 and .reordered == 0 and .bad == 0' \
	"$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "none is lost, doubled, out of order or damaged"
both_native() { ports | jq -e '.[1].native_packets > 1000 and .[2].native_packets > 1000'; }
check "native packets left by both VLANs" both_native
check "a Prune on VLAN 101" speaker "prune $S $G"
check "ends the channel, after that of FRR" lab_wait 15 state_is "$S" "$G" none
lab_stop source
for link in xup0 xup1 s0; do
	lab_stop "tap-$link"
done
for link in xup0 xup1; do
	"$tools/lab-tap" compare "$LAB_STATE/s0.pcap" "$LAB_STATE/$link.pcap" --ttl-delta 1 \
		>"$LAB_STATE/compare" 2>&1
	report $? "what left by the VLAN of $link is what the source sent, octet for octet, the TTL one less"
	diag <"$LAB_STATE/compare"
done

strangers() { lab_inlet show drops --json | jq '[.[] | select(.name == "VLAN") | .count] | add // 0'; }
before=$(strangers)
check "a frame of VLAN 300 is sent" lab_in frr python3 "$LAB_TOP/test/lab/vlan.py" --trunk xup0.t --send 300
more_strangers() { [ "$(strangers)" -gt "$before" ]; }
check "and dropped as nobody's" lab_wait 5 more_strangers
exec {SPEAKER}>&-
check "no tunnel is left" lab_wait 10 no_tunnels
check "the mbufs are back where they were ($baseline)" lab_wait 5 mbufs_are "$baseline"
scenario_end
