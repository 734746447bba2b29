#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Jumbo frames: datagrams of 8,900 octets through a tunnel on net_af_packet, every link with an MTU of 9000;
# and a downstream link with a smaller one, which has what fits.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario jumbo
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
export LAB_DEVICE=af_packet LAB_RATE=300 LAB_RELAY="--mtu 9000"
PAYLOAD=8900
LAN_MTU=9000

lab_wrap lab_network lab_write_configs
lab_network() {
	local end
	plain_lab_network || return 1
	for end in src:s0 relay:native0 relay:wan0 net:to-relay net:to-inlet inlet:up0 inlet:dn0 frr:xup0 frr:xdn0 rcv:r0; do
		lab_in "${end%:*}" ip link set "${end#*:}" mtu 9000 || return 1
	done
	# The kernel is not to answer for the TAPs: packet sockets come before this.
	lab_in inlet nft -f - <<-END
		table netdev jumbo {
			chain up { type filter hook ingress device up0 priority 0; policy drop; }
			chain dn { type filter hook ingress device dn0 priority 0; policy drop; }
		}
	END
}
lab_write_configs() {
	plain_lab_write_configs
	sed -i -e 's/framesz=2048,blocksz=4096,framecnt=1024/framesz=16384,blocksz=65536,framecnt=256/' \
		-e 's/^memory_mb = .*/memory_mb = 512;/' -e 's/^\( *\)role = "upstream";/&\n\1mtu = 9000;/' \
		-e "s/^\( *\)role = \"downstream\";/&\n\1mtu = $LAN_MTU;/" "$LAB_STATE/inlet.conf"
}
lab_wrap lab_start_part
lab_start_part() {
	[ "$1" != source ] || {
		lab_channels >"$LAB_STATE/channels"
		lab_spawn source src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate "$LAB_RATE" \
			--channels "$LAB_STATE/channels" --payload "$PAYLOAD" --json
		return
	}
	plain_lab_start_part "$@"
}
ports() { lab_inlet show ports --json; }
drops() { lab_inlet show drops --json | jq --arg n "$1" '[.[] | select(.name == $n) | .count] | add // 0'; }
mtu_drops() { [ "$(drops MTU)" -gt "$1" ]; }

bring_up
tools=$LAB_BUILD/deploy/lab.d/tools
check "both interfaces have an MTU of 9000, and so have their TAPs" eval 'ports | jq -e "map(.mtu) == [9000, 9000]" &&
	lab_in inlet ip -j link show | jq -e "[.[] | select(.ifname == \"wan\" or .ifname == \"lan\") | .mtu] == [9000, 9000]"'
for side in src:s0:out frr:xup0:in; do
	IFS=: read -r ns link direction <<<"$side"
	lab_spawn "tap-$link" "$ns" "$tools/lab-tap" --if "$link" --direction "$direction" --source "$S" \
		--group "$G" --write "$LAB_STATE/$link.pcap"
	lab_wait 5 lab_log_has "tap-$link" listening
done
lab_join "$S" "$G" --seconds 5
check "a receiver counts for 5 s" lab_wait 30 lab_gone "recv-$S-$G"
jq -c 'del(.each)' "$LAB_STATE/recv-$S-$G.out" | diag
jq -e '.packets > 600 and .lost == 0 and .duplicated == 0 and .reordered == 0 and .bad == 0' \
	"$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "datagrams of $PAYLOAD octets: none is lost, doubled, out of order or damaged"
lab_wait 15 no_channels
lab_stop source
for link in xup0 s0; do
	lab_stop "tap-$link"
done
"$tools/lab-tap" compare "$LAB_STATE/s0.pcap" "$LAB_STATE/xup0.pcap" --ttl-delta 1 >"$LAB_STATE/compare" 2>&1
report $? "what left downstream is what the source sent, octet for octet, the TTL one less"
diag <"$LAB_STATE/compare"
check "nothing was larger than an MTU" eval '[ "$(drops MTU)" -eq 0 ]'
check "and nothing came in pieces" eval '[ "$(drops OUTER_FRAGMENT)" -eq 0 ]'

lab_stop inletd
LAN_MTU=1500
lab_write_configs
lab_start_part inletd
check "inletd is back, downstream with an MTU of 1500" lab_wait 30 lab_inletd_ready
check "and a neighbor of FRR" lab_wait 30 lab_pim_neighbor
check "the interfaces' MTUs differ" eval 'ports | jq -e "map(.mtu) == [9000, 1500]"'
lab_start_part source
lab_join "$S" "$G" --seconds 60
check "what is larger than its MTU is dropped there, and counted" lab_wait 20 mtu_drops 100
native=$(ports | jq '.[1].native_packets')
report "$([ "$native" -eq 0 ]; echo $?)" "and none of it has left ($native)"
lab_stop source
PAYLOAD=1200
lab_start_part source
small_flow() { [ "$(ports | jq '.[1].native_packets')" -gt 100 ]; }
check "what fits goes out" lab_wait 20 small_flow
before=$(drops MTU)
lab_stop "recv-$S-$G"
report "$([ "$(drops MTU)" -eq "$before" ]; echo $?)" "and no more is dropped"
scenario_end
