#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The methods of discovery in their default order: a source without an AMTRELAY record is served by what
# answers at the anycast address; with a service in DNS-SD, by that one, and nobody else is asked.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario discovery
export LAB_DISCOVERY='' LAB_SOURCES=2
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP ANYCAST=192.52.193.1
origin_is() { # the relay in use of a source was found so
	lab_inlet show relays --json |
		jq -e --arg s "$1" --arg o "$2" 'any(.[]; .source_address == $s and .in_use and .discovery_method == $o)'
}

# The anycast address is nobody's yet, and answers no ICMP either.
lab_in net ip route add blackhole "$ANYCAST/32"
lab_join "$S" "$G"
check "nobody at the anycast address: the source's record is used" lab_wait 10 state_is "$S" "$G" flowing
check "that is DRIAD" origin_is "$S" driad
check "within half a second" eval \
	'[ "$(log_line "first packet s=$S" | sed "s/.*after_ms=\([0-9]*\).*/\1/")" -lt 500 ]'
lab_leave "$S" "$G" >"$LAB_STATE/left"

# A broker at the anycast address, which names the relay; and no record any more.
lab_in relay ip addr add "$ANYCAST/32" dev wan0
lab_in net ip route replace "$ANYCAST/32" via 203.0.113.11
lab_spawn anycast relay "$LAB_BUILD/app/relay/inlet-relay" --address "$ANYCAST" --source-if native0 \
	--advertise 203.0.113.11 --control "$LAB_STATE/anycast.ctl"
sed -i '/TYPE260/d' "$LAB_STATE/lab.zone"
lab_stop dns
lab_start_part dns
lab_stop inletd
lab_start_part inletd
check "inletd is back" lab_wait 20 lab_inletd_ready
check "and FRR's neighbour" lab_wait 20 lab_pim_neighbor
S2=$(lab_source 1) G2=$(lab_group 1)
lab_join "$S2" "$G2"
check "anycast: the channel flows without a record" lab_wait 15 state_is "$S2" "$G2" flowing
check "from the relay that was advertised" \
	eval '[ "$(lab_channel "$S2" "$G2" | jq -r .relay_address)" = 203.0.113.11 ]'
check "found by anycast" origin_is "$S2" anycast
lab_leave "$S2" "$G2" >"$LAB_STATE/left"

# A service of the network.
cat >>"$LAB_STATE/nsd.conf" <<-END
	zone:
	  name: lab.test
	  zonefile: services.zone
END
cat >"$LAB_STATE/services.zone" <<-'END'
	$ORIGIN lab.test.
	$TTL 60
	@ IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 5
	@ IN NS ns.lab.test.
	_amt._udp IN PTR here._amt._udp
	here._amt._udp IN SRV 0 0 2268 relay
	relay IN A 203.0.113.11
END
lab_stop dns
lab_start_part dns
lab_stop inletd
sed -i 's/queries_per_100ms = 100;/& search_domains = [ "lab.test" ];/' "$LAB_STATE/inlet.conf"
lab_start_part inletd
check "inletd is back" lab_wait 20 lab_inletd_ready
check "and FRR's neighbour" lab_wait 20 lab_pim_neighbor
lab_join "$S2" "$G2"
check "DNS-SD: the channel flows" lab_wait 15 state_is "$S2" "$G2" flowing
check "found by DNS-SD" origin_is "$S2" dns-sd
scenario_end
