# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Several appliances, for the scenarios cluster_*: which of them serves what, what a failure costs each
# channel in milliseconds, and the table of it. Sourced after _lib.sh and _two.sh, which has two of them on one
# LAN; cluster_links gives each a link of its own to FRR instead:
#
#   relay --- net --- inlet  (10.9.1.2) --- (10.9.1.1) frr --- rcv
#              +----- inlet2 (10.9.3.2) --- (10.9.3.1) frr

# For scenarios with configurations of their own: what _two.sh writes.
eval "two_$(declare -f lab_write_configs)"

CLUSTER_SOURCES=8
PARTS=('' inletd inletd2)
NAMES=('' inlet inlet2)
ADDRESSES=('' 10.9.1.2 10.9.1.3)
ROUTERS=('' 10.9.1.1 10.9.1.1) # the router's address on their links
CLUSTER_PATHS=2                # that the router uses
CLUSTER_BGP=''                 # a line more of its bgpd
PREFIX=198.51.100.0/24         # where the senders are

# What all relays send to the first one, and what it sends to them, is lost in the network between.
relays_away() { # relays_away on|off
	if [ "$1" = on ]; then
		lab_in net nft -f - <<-EOF
			table ip away {
				chain forward {
					type filter hook forward priority 0; policy accept;
					ip saddr 192.0.2.2 udp dport 2268 drop
					ip daddr 192.0.2.2 udp sport 2268 drop
				}
			}
		EOF
	else
		lab_in net nft delete table ip away
	fi
}

# ---- routing: FRR beside each appliance, on the kernel-interface port, tells the router where senders are
frr_daemon() { # frr_daemon DIR NAMESPACE DAEMON [OPTION...]: its configuration is DIR/DAEMON.conf
	local dir=$LAB_STATE/$1 ns=$2 daemon=$3
	shift 3
	lab_spawn "${dir##*/}-$daemon" "$ns" "/usr/lib/frr/$daemon" -f "$dir/$daemon.conf" -i "$dir/$daemon.pid" \
		-z "$dir/zserv.api" --vty_socket "$dir" -u frr -g frr -P 0 --log "file:$dir/$daemon.log" "$@"
	lab_wait 20 test -S "$dir/$daemon.vty"
}
bfd_conf() { # of either side: three missed in a row, of one in 200 ms
	printf 'bfd\n profile fast\n  detect-multiplier 3\n  receive-interval 200\n  transmit-interval 200\n'
}
frr_beside() { # frr_beside 1|2: as an operator has it, deploy/cluster
	local ns=${NAMES[$1]} dir=$LAB_STATE/beside$1
	mkdir -p "$dir" && chown frr:frr "$dir"
	: >"$dir/zebra.conf"
	bfd_conf >"$dir/bfdd.conf"
	cat >"$dir/bgpd.conf" <<-EOF
		router bgp 6500$1
		 bgp router-id ${ADDRESSES[$1]}
		 no bgp ebgp-requires-policy
		 no bgp network import-check
		 neighbor ${ROUTERS[$1]} remote-as 65000
		 neighbor ${ROUTERS[$1]} timers 1 3
		 neighbor ${ROUTERS[$1]} timers connect 1
		 neighbor ${ROUTERS[$1]} bfd profile fast
	EOF
	frr_daemon "beside$1" "$ns" zebra && frr_daemon "beside$1" "$ns" bfdd --bfdctl "$dir/bfdd.sock" &&
		frr_daemon "beside$1" "$ns" bgpd -n
}
router_bgp() {
	local dir=$LAB_STATE/frr
	bfd_conf >"$dir/bfdd.conf"
	cat >"$dir/bgpd.conf" <<-EOF
		router bgp 65000
		 bgp router-id 10.9.1.1
		 no bgp ebgp-requires-policy
		 bgp bestpath as-path multipath-relax
		 neighbor ${ADDRESSES[1]} remote-as 65001
		 neighbor ${ADDRESSES[1]} timers 1 3
		 neighbor ${ADDRESSES[1]} timers connect 1
		 neighbor ${ADDRESSES[1]} bfd profile fast
		 neighbor ${ADDRESSES[2]} remote-as 65002
		 neighbor ${ADDRESSES[2]} timers 1 3
		 neighbor ${ADDRESSES[2]} timers connect 1
		 neighbor ${ADDRESSES[2]} bfd profile fast
		 address-family ipv4 unicast
		  maximum-paths $CLUSTER_PATHS
		  $CLUSTER_BGP
	EOF
	frr_daemon frr frr bfdd --bfdctl "$dir/bfdd.sock" && frr_daemon frr frr bgpd
}
sidecar() { # sidecar 1|2
	local socket=$LAB_SOCKET dir=$LAB_STATE/beside$1
	[ "$1" = 1 ] || socket=${LAB_SOCKET/console/console2}
	lab_spawn "health$1" "${NAMES[$1]}" "$LAB_TOP/deploy/frr/inlet-frr-health" --socket "$socket" --bgp "6500$1" \
		--prefix "$PREFIX" --vtysh "vtysh --vty_socket $dir"
}
# The router's next hops to the senders. Those of zebra, which RPF follows: its kernel was seen to be without one
# whose link had flapped.
next_hops() {
	lab_vtysh -c "show ip route $PREFIX json" | jq -r --arg p "$PREFIX" '.[$p][]?.nexthops[] | select(.active) | .ip'
}
announced() { [ "$(next_hops | wc -l)" -eq "$1" ]; } # announced N: so many
announced_by() { next_hops | grep -qx "${ADDRESSES[$1]}"; }
cluster_bgp() { # both announce while they are healthy; the router has no other way to the senders
	local i
	lab_in frr ip route del default 2>/dev/null
	router_bgp
	report $? "the router has bgpd and bfdd"
	for i in 1 2; do
		frr_beside $i
		report $? "FRR runs beside appliance $i"
		sidecar $i
	done
	check "what they announce is in the router" lab_wait 60 announced "$CLUSTER_PATHS"
	check "FRR has the first one as a PIM neighbor" lab_wait 30 frr_knows 1
	check "and the second" lab_wait 30 frr_knows 2
}

cluster_links() { # in place of the LAN of _two.sh
	ADDRESSES=('' 10.9.1.2 10.9.3.2) ROUTERS=('' 10.9.1.1 10.9.3.1)
	lab_network() {
		plain_lab_network || return 1
		ip netns add "$(lab_ns inlet2)" || return 1
		lab_in inlet2 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		lab_in inlet2 ip link set lo up
		lab_link inlet2 dn0 frr xup1 && lab_link inlet2 up0 net to-inlet2 || return 1
		lab_in net ip addr add 198.18.2.1/24 dev to-inlet2
		lab_in frr ip addr add 10.9.3.1/24 dev xup1
		lab_in frr ip route del default
	}
}

cluster_start() { # both appliances and FRR, and a receiver of every channel
	export LAB_SOURCES=$CLUSTER_SOURCES
	bring_up
	start_second
	check "a second appliance comes up" lab_wait 60 second_ready
}
frr_knows() { # frr_knows 1|2: that appliance is its neighbor
	lab_vtysh -c 'show ip pim neighbor json' |
		jq -e --arg a "${ADDRESSES[$1]}" 'any(.[]; type == "object" and has($a))'
}
receiver() { # receiver NAME NAMESPACE INTERFACE [SED]: joins every channel, or lines of their list
	lab_channels | sed -n "${4:-p}" >"$LAB_STATE/$1.channels"
	lab_spawn "$1" "$2" "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if "$3" --channels "$LAB_STATE/$1.channels" \
		--json --quiet
}

# ---- what the receiver counts
counted() { # counted RECEIVER FILE: until now
	local n out=$LAB_STATE/$1.out end
	n=$(wc -l <"$out")
	lab_signal "$1" USR1 || return 1
	end=$((${EPOCHREALTIME/./} + 5000000))
	until [ "$(wc -l <"$out")" -gt "$n" ]; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02 # the answer is on its way
	done
	tail -n 1 "$out" >"$2"
}
all_flow() { # all_flow RECEIVER: every channel had a packet a moment ago, and no hole grows
	counted "$1" "$LAB_STATE/$1.a" && jq -e 'all(.packets > 0 and .silent_ms < 150)' "$LAB_STATE/$1.a"
}
served_by() { # served_by 1|2: groups that come from it, a JSON list
	ask "$1" show channels | jq -c '[.[] | select(.state == "flowing" and (.outgoing_interface - .muted | length) > 0) | .group_address] | sort'
}
# What the router asks of it.
asked_of() { # asked_of 1|2: groups, a JSON list
	lab_vtysh -c 'show ip pim rpf json' | jq -c --arg a "${ADDRESSES[$1]}" '
		[to_entries[] | select(.value | type == "object") | .key as $g | .value[] | select(.rpfAddress == $a) | $g] | sort'
}
asked_n() { [ "$(asked_of "$1" | jq length)" -eq "$2" ]; }
asked_some() { [ "$(asked_of "$1" | jq length)" -gt 0 ]; }
others_serve() { announced 1 && asked_n 2 "$CLUSTER_SOURCES"; } # the second one does, and it alone
served_n() { [ "$(served_by "$1" | jq length)" -eq "$2" ]; }
served_some() { [ "$(served_by "$1" | jq length)" -gt 0 ]; }
served_once() { # each channel by one of them
	[ "$(jq -nc --argjson a "$(served_by 1)" --argjson b "$(served_by 2)" '$a + $b | sort | length')" -eq "$CLUSTER_SOURCES" ]
}

# ---- failures
TABLE=()
CLUSTER_WHO=asked_of # or served_by
begins() { # begins RECEIVER 1|2...: a failure of what these serve is to come
	local r=$1 i
	shift
	VICTIMS='[]'
	for i in "$@"; do
		VICTIMS=$(jq -nc --argjson a "$VICTIMS" --argjson b "$("$CLUSTER_WHO" "$i")" '$a + $b')
	done
	lab_signal "$r" USR2
	counted "$r" "$LAB_STATE/before.$r"
	T0=$(now_ms)
}
ends() { # ends RECEIVER TEXT LIMIT-MS [VICTIMS-LOST-MAX]: what it has cost
	local r=$1 text=$2 limit=$3 most=${4:-} row
	sleep 0.5 # a hole is seen with the first packet behind it, and what follows is to be seen as well
	lab_wait 20 all_flow "$r" || true
	counted "$r" "$LAB_STATE/after.$r"
	row=$(jq -nc --slurpfile b "$LAB_STATE/before.$r" --slurpfile a "$LAB_STATE/after.$r" --argjson v "$VICTIMS" '
		[$b[0], $a[0]] | transpose | map(.[1] + {was: .[0], victim: (.[0].group as $g | $v | index($g) != null)}) |
		# Late packets make no outage, and what never came again one without end.
		map(.hole_ms = if .silent_ms > 150 then 99999 elif .lost > .was.lost then .hole_ms else 0 end) |
		{channels: ([.[] | select(.victim)] | length),
		 outage: ([.[] | select(.victim) | .hole_ms] | max // 0),
		 least: ([.[] | select(.victim) | .hole_ms] | min // 0),
		 lost: ([.[] | select(.victim) | .lost - .was.lost] | add // 0),
		 dup: ([.[] | .duplicated - .was.duplicated] | add // 0),
		 others: ([.[] | select(.victim | not) | .lost - .was.lost] | add // 0),
		 n_others: ([.[] | select(.victim | not)] | length)}')
	TABLE+=("$(jq -r --arg t "$text" '"| \($t) | \(.channels) | \(.outage) | \(.lost) | \(.dup) | \(.others) of \(.n_others) |"' <<<"$row")")
	jq -e --argjson l "$limit" --argjson m "${most:-1000000}" '.outage <= $l and .others == 0 and .lost <= $m' <<<"$row" >/dev/null
	report $? "$text: $(jq -r '"\(.channels) channels moved, outage \(.least) to \(.outage) ms, \(.lost) packets lost, \(.dup) doubled; \(.n_others) other channels lost \(.others)"' <<<"$row")"
}
table() {
	echo "#"
	echo "# | failure | channels concerned | outage ms, the longest | packets lost | doubled | lost by other channels |"
	echo "# |---|---|---|---|---|---|"
	printf '# %s\n' "${TABLE[@]}"
	echo "#"
}
start_of() { # start_of 1|2: it comes (back)
	if [ "$1" = 1 ]; then
		lab_start_part inletd
	else
		start_second
	fi
}
