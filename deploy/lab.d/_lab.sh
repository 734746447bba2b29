# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the lab's commands, the quickstart and the scenarios of test/lab share: names, addresses, and
# processes that are started, found again and stopped. Sourced, not run.
#
#   src --- relay --- net --- (up0) inlet (dn0) --- frr --- rcv
#                      |
#                     dns
#
# Each word is a network namespace (with LAB_PREFIX before it), each line a veth pair. In "inlet",
# inletd owns up0 and dn0 through AF_XDP: the kernel there sees only the TAPs "wan" and "lan".
#
# LAB_V6=1 has IPv6 beside IPv4 on every link, and as many IPv6 channels behind the same relays; source
# number i, of either family, is behind a relay address of its own family if i is even, of the other one
# if it is odd. LAB_V6=only takes IPv4 away from inletd's upstream side: DNS, relays and tunnels are IPv6.

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_PREFIX=${LAB_PREFIX:-inlab-}                     # a second lab at the same time takes another
LAB_STATE=${LAB_STATE:-/run/inlet-lab/${LAB_PREFIX%-}} # pids, logs, configurations, sockets
# What a lab was built with stays with it: its later commands read it back from its state.
# shellcheck source=/dev/null
[ ! -f "$LAB_STATE/settings" ] || . "$LAB_STATE/settings"
LAB_BUILD=${LAB_BUILD:-$LAB_TOP/build}
LAB_SOURCES=${LAB_SOURCES:-1}  # how many send: 198.51.100.10 to 232.1.1.1, .11 to 232.1.1.2, ...
LAB_RELAYS=${LAB_RELAYS:-1}    # 203.0.113.11, .12, ...; source number i is behind number i modulo these
LAB_RATE=${LAB_RATE:-1000}     # packets a second, all sources together
LAB_DEVICE=${LAB_DEVICE:-af_xdp} # or af_packet
LAB_WORKERS=${LAB_WORKERS-}    # CPUs of inletd's workers, "0, 1"; they may be shared with all the rest
LAB_ENDPOINTS=${LAB_ENDPOINTS:-1} # towards each relay, each from an address of its own
LAB_SPREAD=${LAB_SPREAD:-auto} # how inletd spreads its upstream port over them
LAB_DF=${LAB_DF:-1}                      # don't-fragment flag of what the relay sends
LAB_FRAGMENTS=${LAB_FRAGMENTS:-reassemble} # what inletd does with outer fragments; or drop
LAB_HELLO_DELAY_MS=${LAB_HELLO_DELAY_MS:-500} # of inletd's first Hello; the RFC's default is 5000
LAB_IGMP=${LAB_IGMP-}          # of inletd downstream, "enabled = true; ..."; nothing: off
LAB_MLD=${LAB_MLD-}            # the same of MLD, with LAB_V6
LAB_PIM=${LAB_PIM-}            # further keys of inletd's pim group, "dr_priority = 5; ..."
LAB_JOIN_INTERVAL=${LAB_JOIN_INTERVAL:-60}    # of FRR's Joins, seconds; the holdtime is 3.5 times that
LAB_DISCOVERY=${LAB_DISCOVERY-'"driad"'} # how inletd finds relays; empty for its default order
LAB_DNS=${LAB_DNS-}            # further keys of its dns group, "dnssec = \"off\"; ..."
LAB_RELAY=${LAB_RELAY-}        # further options of inlet-relay
LAB_V6=${LAB_V6-}              # nothing, 1 or only
LAB_CONFIG=${LAB_CONFIG-}      # more lines of inletd's configuration

LAB_NAMESPACES=(src relay dns net inlet frr rcv)
LAB_PARTS=(dns relay source inletd zebra pimd)
# shellcheck disable=SC2034 # read by who sources this
LAB_FIRST_SOURCE=198.51.100.10
# shellcheck disable=SC2034
LAB_FIRST_GROUP=232.1.1.1
LAB_SOCKET=$LAB_STATE/console.sock

lab_say() { printf '%s\n' "$*" >&2; }
lab_die() {
	lab_say "lab: $*"
	exit 1
}
lab_ns() { printf '%s%s' "$LAB_PREFIX" "$1"; }
lab_in() { # lab_in NAMESPACE COMMAND...
	local ns
	ns=$(lab_ns "$1")
	shift
	ip netns exec "$ns" "$@"
}
lab_is_up() { [ -f "$LAB_STATE/up" ]; }
lab_source() { printf '198.51.100.%d' $((10 + $1)); }                                   # number from 0
lab_group() { printf '232.1.%d.%d' $((1 + $1 / 250)) $((1 + $1 % 250)); }               # number from 0
lab_relay() { printf '203.0.113.%d' $((11 + $1 % LAB_RELAYS)); }                        # of a source
lab_source6() { printf '2001:db8:100::%x' $((10 + $1)); }
lab_group6() { printf 'ff3e::8000:%x' $((1 + $1)); }
lab_relay6() { printf '2001:db8:203::%x' $((11 + $1 % LAB_RELAYS)); }
LAB_ZONE6=0.0.0.0.0.0.1.0.8.b.d.0.1.0.0.2.ip6.arpa # of 2001:db8:100::/64
lab_channels() { # "S G" lines of all that is sent
	local i
	for ((i = 0; i < LAB_SOURCES; i++)); do
		echo "$(lab_source "$i") $(lab_group "$i")"
		[ -z "$LAB_V6" ] || echo "$(lab_source6 "$i") $(lab_group6 "$i")"
	done
}

# lab_wait SECONDS COMMAND...: until the command succeeds; what it waits for has no event to listen
# to, so it is asked ten times a second.
lab_wait() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# ---- processes: one file a part with its pid and its start time, so that a pid that the kernel gave
# to somebody else is never signalled.
lab_start_time() { # of a pid; empty when there is none, or when it is a zombie
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	[ "$1" = Z ] || echo "${20}"
}
lab_pid() { # of a part; fails when it does not run
	local pid start
	[ -f "$LAB_STATE/$1.pid" ] || return 1
	read -r pid start <"$LAB_STATE/$1.pid" || return 1
	[ "$(lab_start_time "$pid")" = "$start" ] || return 1
	echo "$pid"
}
lab_running() { lab_pid "$1" >/dev/null; }
lab_spawn() { # lab_spawn PART NAMESPACE COMMAND...
	local part=$1 ns pid
	ns=$(lab_ns "$2")
	shift 2
	! lab_running "$part" || return 0
	# The daemon keeps nothing of ours open: whoever reads our output must see its end.
	(
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || [ "$fd" -ge 255 ] || eval "exec $fd>&-"
		done # no redirection here: the shell would save stderr in a descriptor that the loop closes
		exec setsid ip netns exec "$ns" "$@"
	) </dev/null >>"$LAB_STATE/$part.out" 2>>"$LAB_STATE/$part.log" &
	pid=$!
	disown "$pid"
	echo "$pid $(lab_start_time "$pid")" >"$LAB_STATE/$part.pid"
}
lab_signal() { # lab_signal PART SIGNAL
	local pid
	pid=$(lab_pid "$1") || return
	case $2 in USR1 | USR2) lab_wait 10 lab_catches "$pid" "$2" || return ;; esac
	kill "-$2" "$pid" 2>/dev/null
}
lab_catches() { # lab_catches PID SIGNAL: one that has just begun does not yet, and would end of it
	local mask
	mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status") && ((0x$mask >> ($(kill -l "$2") - 1) & 1))
}
lab_gone() { ! lab_running "$1"; }
lab_stop() { # lab_stop PART: asked to end, and after 10 s made to
	if lab_signal "$1" TERM && ! lab_wait 10 lab_gone "$1"; then
		lab_say "lab: $1 does not end, killed"
		lab_signal "$1" KILL
		lab_wait 5 lab_gone "$1"
	fi
	rm -f "$LAB_STATE/$1.pid"
}
lab_kill() { # as a crash would: no goodbye
	lab_signal "$1" KILL
	lab_wait 5 lab_gone "$1"
	rm -f "$LAB_STATE/$1.pid"
}

# ---- asking the parts
lab_inlet() { "$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET" "$@"; }
lab_relayctl() { "$LAB_BUILD/app/relay/inlet-relay" ctl "$LAB_STATE/relay.ctl" "$@"; }
lab_vtysh() { vtysh --vty_socket "$LAB_STATE/frr" "$@" 2>/dev/null; }
lab_pim_neighbor() { # FRR has inletd as its neighbour
	lab_vtysh -c 'show ip pim neighbor json' | jq -e '.xup0 // {} | has("10.9.1.2")' >/dev/null
}
lab_inletd_ready() { lab_inlet show ports --json | jq -e 'length == 2' >/dev/null; }
lab_channel() { # the row of a channel, {} when there is none
	lab_inlet show channels --json |
		jq -c --arg s "$1" --arg g "$2" '[.[] | select(.source_address == $s and .group_address == $g)][0] // {}'
}
lab_log_has() { grep -q -- "$2" "$LAB_STATE/$1.log"; }

# ---- the network
lab_link() { # lab_link NS-A NAME-A NS-B NAME-B: a veth pair, one queue each as AF_XDP needs it
	local end
	ip link add "$2" numrxqueues 1 numtxqueues 1 netns "$(lab_ns "$1")" type veth \
		peer name "$4" numrxqueues 1 numtxqueues 1 netns "$(lab_ns "$3")" || return 1
	for end in "$1 $2" "$3 $4"; do
		# shellcheck disable=SC2086
		set -- $end
		# No checksum is left to a card that is not there, and no frame is made of several.
		lab_in "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null 2>&1
		lab_in "$1" ip link set "$2" up || return 1
	done
}

lab_network() {
	local ns i
	for ns in "${LAB_NAMESPACES[@]}"; do
		ip netns add "$(lab_ns "$ns")" || return 1
		lab_in "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv4.igmp_max_memberships=4000 \
			net.ipv4.igmp_max_msf=4000 || return 1
		# In "inlet" it stays off but for the TAPs, which inletd turns on: up0 and dn0 are not the
		# kernel's. Duplicate address detection would take seconds.
		[ -z "$LAB_V6" ] || [ "$ns" = inlet ] ||
			lab_in "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
				net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.all.accept_dad=0 \
				net.ipv6.conf.default.accept_dad=0 || return 1
		lab_in "$ns" ip link set lo up || return 1
	done
	lab_in net sysctl -qw net.ipv4.ip_forward=1
	lab_link src s0 relay native0 && lab_link relay wan0 net to-relay &&
		lab_link dns d0 net to-dns && lab_link inlet up0 net to-inlet &&
		lab_link inlet dn0 frr xup0 && lab_link frr xdn0 rcv r0 || return 1

	for ((i = 0; i < LAB_SOURCES; i++)); do
		lab_in src ip addr add "$(lab_source "$i")/24" dev s0 || return 1
	done
	lab_in src ip route add 224.0.0.0/4 dev s0
	lab_in relay ip addr add 198.51.100.1/24 dev native0
	for ((i = 0; i < LAB_RELAYS; i++)); do
		lab_in relay ip addr add "203.0.113.$((11 + i))/24" dev wan0 || return 1
	done
	lab_in relay ip route add default via 203.0.113.1
	lab_in dns ip addr add 198.18.53.53/24 dev d0
	lab_in dns ip route add default via 198.18.53.1
	lab_in net ip addr add 203.0.113.1/24 dev to-relay
	lab_in net ip addr add 198.18.53.1/24 dev to-dns
	lab_in net ip addr add 192.0.2.1/24 dev to-inlet
	lab_in frr sysctl -qw net.ipv4.ip_forward=1
	lab_in frr ip addr add 10.9.1.1/24 dev xup0
	lab_in frr ip addr add 10.9.2.1/24 dev xdn0
	lab_in frr ip route add default via 10.9.1.2
	lab_in rcv ip addr add 10.9.2.2/24 dev r0
	lab_in rcv ip route add default via 10.9.2.1
	[ -z "$LAB_V6" ] || lab_network6
}

lab_network6() {
	local i
	for ((i = 0; i < LAB_SOURCES; i++)); do
		lab_in src ip addr add "$(lab_source6 "$i")/64" dev s0 nodad || return 1
	done
	lab_in relay ip addr add 2001:db8:100::1/64 dev native0 nodad
	for ((i = 0; i < LAB_RELAYS; i++)); do
		lab_in relay ip addr add "$(lab_relay6 "$i")/64" dev wan0 nodad || return 1
	done
	lab_in net sysctl -qw net.ipv6.conf.all.forwarding=1
	lab_in net ip addr add 2001:db8:203::1/64 dev to-relay nodad
	lab_in net ip addr add 2001:db8:53::1/64 dev to-dns nodad
	lab_in net ip addr add 2001:db8:192::1/64 dev to-inlet nodad
	lab_in relay ip route add default via 2001:db8:203::1
	lab_in dns ip addr add 2001:db8:53::53/64 dev d0 nodad
	lab_in dns ip route add default via 2001:db8:53::1
	lab_in frr sysctl -qw net.ipv6.conf.all.forwarding=1
	lab_in frr ip addr add 2001:db8:a091::1/64 dev xup0 nodad
	lab_in frr ip addr add 2001:db8:a092::1/64 dev xdn0 nodad
	lab_in frr ip route add default via 2001:db8:a091::2
	lab_in rcv ip addr add 2001:db8:a092::2/64 dev r0 nodad
	lab_in rcv ip route add default via 2001:db8:a092::1
}

# ---- the configurations
# RFC 8777: precedence 10, discovery wanted, type 1 or 2, the address of the relay of source number $1
# of family $2.
lab_relay_record() {
	local family=$2
	[ $(($1 % 2)) -eq 0 ] || [ -z "$LAB_V6" ] || family=$((10 - family))
	[ "$LAB_V6" != only ] || family=6
	# shellcheck disable=SC2046
	if [ "$family" -eq 6 ]; then
		printf 'IN TYPE260 \\# 18 0a0220010db80203%020x\n' $((11 + $1 % LAB_RELAYS))
	else
		printf 'IN TYPE260 \\# 6 0a01%02x%02x%02x%02x\n' $(lab_relay "$1" | tr . ' ')
	fi
}
lab_write_zone6() {
	local i
	printf '$ORIGIN %s.\n$TTL 60\n' "$LAB_ZONE6"
	printf '@ IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 5\n@ IN NS ns.lab.test.\n'
	for ((i = 0; i < LAB_SOURCES; i++)); do
		printf '%016x' $((10 + i)) | rev | sed 's/./&./g; s/\.$/ /'
		lab_relay_record "$i" 6
	done
}
lab_write_zone() {
	local i
	[ -z "$LAB_V6" ] || lab_write_zone6 >"$LAB_STATE/lab6.zone"
	{
		printf '$ORIGIN 100.51.198.in-addr.arpa.\n$TTL 60\n'
		printf '@ IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 5\n@ IN NS ns.lab.test.\n'
		for ((i = 0; i < LAB_SOURCES; i++)); do
			printf '%d ' $((10 + i))
			lab_relay_record "$i" 4
		done
		[ ! -f "$LAB_STATE/zone.extra" ] || cat "$LAB_STATE/zone.extra"
	} >"$LAB_STATE/lab.zone"
}

lab_write_configs() {
	local device addresses i discovery='' workers='workers = "auto";' lan='"10.9.1.2/24"'
	local routes='{ to = "0.0.0.0/0"; via = "192.0.2.1"; }' resolvers='"198.18.53.53"'
	local route6='{ to = "::/0"; via = "2001:db8:192::1"; }'
	[ -z "$LAB_WORKERS" ] || workers="workers = [ $LAB_WORKERS ]; share_cpu = true;"
	lab_write_zone
	cat >"$LAB_STATE/nsd.conf" <<-EOF
		server:
		  ip-address: 198.18.53.53
		  username: ""
		  chroot: ""
		  zonesdir: "$LAB_STATE"
		  database: ""
		  pidfile: "$LAB_STATE/nsd.pid"
		  xfrdfile: "$LAB_STATE/xfrd.state"
		  zonelistfile: "$LAB_STATE/zone.list"
		  xfrdir: "$LAB_STATE"
		remote-control:
		  control-enable: no
		zone:
		  name: 100.51.198.in-addr.arpa
		  zonefile: lab.zone
	EOF
	[ -z "$LAB_V6" ] || cat >>"$LAB_STATE/nsd.conf" <<-EOF
		server:
		  ip-address: 2001:db8:53::53
		zone:
		  name: $LAB_ZONE6
		  zonefile: lab6.zone
	EOF
	# Without resolve-via-default FRR 8.4 takes its Joins back at once: its way to every source is
	# the default route.
	printf 'ip nht resolve-via-default\n' >"$LAB_STATE/zebra.conf"
	cat >"$LAB_STATE/pimd.conf" <<-EOF
		ip pim join-prune-interval $LAB_JOIN_INTERVAL
		interface xup0
		 ip pim
		 ip pim hello 5
		interface xdn0
		 ip pim
		 ip igmp
	EOF
	device='net_af_xdp%d,iface=%s'
	[ "$LAB_DEVICE" = af_xdp ] ||
		device='net_af_packet%d,iface=%s,framesz=2048,blocksz=4096,framecnt=1024'
	[ -z "$LAB_DISCOVERY" ] || discovery="discovery = [ $LAB_DISCOVERY ];"
	addresses='"192.0.2.2/24"'
	for ((i = 1; i < LAB_ENDPOINTS; i++)); do
		addresses+=", \"192.0.2.$((100 + i))/24\""
	done
	[ -z "$LAB_V6" ] || lan+=', "2001:db8:a091::2/64"'
	case $LAB_V6 in
	1)
		addresses+=', "2001:db8:192::2/64"'
		routes+=", $route6"
		resolvers+=', "2001:db8:53::53"'
		;;
	only)
		addresses='"2001:db8:192::2/64"'
		routes=$route6
		resolvers='"2001:db8:53::53"'
		;;
	esac
	# shellcheck disable=SC2059
	cat >"$LAB_STATE/inlet.conf" <<-EOF
		log_level = "${LAB_LOG_LEVEL:-info}";
		$workers
		idle = "sleep";
		memory = "no-huge";
		memory_mb = 256;
		eal = [ "--file-prefix=${LAB_PREFIX%-}" ];
		interfaces = (
		    {
		        name = "wan";
		        device = "$(printf "$device" 0 up0)";
		        role = "upstream";
		        spread = "$LAB_SPREAD";
		        addresses = [ $addresses ];
		        routes = ( $routes );
		    },
		    {
		        name = "lan";
		        device = "$(printf "$device" 1 dn0)";
		        role = "downstream";
		        addresses = [ $lan ];
		        pim = { triggered_hello_delay_ms = $LAB_HELLO_DELAY_MS; $LAB_PIM };
		        ${LAB_IGMP:+igmp = { $LAB_IGMP \};}
		        ${LAB_MLD:+mld = { $LAB_MLD \};}
		    }
		);
		dns = { resolvers = [ $resolvers ]; queries_per_100ms = 100; $LAB_DNS };
		amt = { outer_fragments = "$LAB_FRAGMENTS"; endpoints = $LAB_ENDPOINTS; };
		console = { socket = "$LAB_SOCKET"; };
		$discovery
		$LAB_CONFIG
	EOF
}

# ---- the parts
lab_start_part() {
	case $1 in
	dns) lab_spawn dns dns nsd -d -c "$LAB_STATE/nsd.conf" ;;
	relay)
		local i addresses=()
		for ((i = 0; i < LAB_RELAYS; i++)); do
			addresses+=(--address "203.0.113.$((11 + i))")
			[ -z "$LAB_V6" ] || addresses+=(--address "$(lab_relay6 "$i")")
		done
		rm -f "$LAB_STATE/relay.ctl"
		# shellcheck disable=SC2086 # words
		lab_spawn relay relay "$LAB_BUILD/app/relay/inlet-relay" "${addresses[@]}" \
			--source-if native0 --control "$LAB_STATE/relay.ctl" --df "$LAB_DF" $LAB_RELAY
		;;
	source)
		lab_channels >"$LAB_STATE/channels"
		lab_spawn source src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate "$LAB_RATE" \
			--channels "$LAB_STATE/channels" --json
		;;
	inletd)
		lab_spawn inletd inlet "$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/inlet.conf"
		;;
	frr)
		lab_start_part zebra
		lab_start_part pimd
		;;
	zebra)
		lab_spawn zebra frr /usr/lib/frr/zebra -f "$LAB_STATE/zebra.conf" -i "$LAB_STATE/frr/zebra.pid" \
			-z "$LAB_STATE/frr/zserv.api" --vty_socket "$LAB_STATE/frr" -u frr -g frr -P 0 \
			--log "file:$LAB_STATE/frr/zebra.log"
		lab_wait 10 test -S "$LAB_STATE/frr/zserv.api"
		;;
	pimd)
		lab_spawn pimd frr /usr/lib/frr/pimd -f "$LAB_STATE/pimd.conf" -i "$LAB_STATE/frr/pimd.pid" \
			-z "$LAB_STATE/frr/zserv.api" --vty_socket "$LAB_STATE/frr" -u frr -g frr -P 0 \
			--log "file:$LAB_STATE/frr/pimd.log"
		lab_wait 10 test -S "$LAB_STATE/frr/pimd.vty"
		;;
	*) lab_die "no part $1: ${LAB_PARTS[*]} frr" ;;
	esac
}
lab_stop_part() {
	case $1 in
	frr)
		lab_stop pimd
		lab_stop zebra
		;;
	*) lab_stop "$1" ;;
	esac
}
lab_part_ready() { # lab_part_ready PART: it runs and does its work
	case $1 in
	dns)
		lab_in dns python3 "$LAB_TOP/deploy/lab.d/dns-answers" 198.18.53.53 100.51.198.in-addr.arpa &&
			{ [ -z "$LAB_V6" ] ||
				lab_in dns python3 "$LAB_TOP/deploy/lab.d/dns-answers" 198.18.53.53 "$LAB_ZONE6"; }
		;;
	relay) lab_relayctl status ;;
	inletd) lab_inletd_ready ;;
	zebra) test -S "$LAB_STATE/frr/zserv.api" ;;
	pimd) lab_vtysh -c 'show ip pim interface json' | jq -e '.xup0.state == "up"' ;;
	*) true ;;
	esac && lab_running "$1"
}
lab_await_part() {
	lab_wait 60 lab_part_ready_or_dead "$1"
	if ! lab_part_ready "$1" >/dev/null 2>&1; then
		lab_say "lab: $1 did not come up; the end of $LAB_STATE/$1.log:"
		tail -n 20 "$LAB_STATE/$1.log" >&2
		return 1
	fi
}
lab_part_ready_or_dead() { lab_part_ready "$1" || lab_gone "$1"; }

lab_up() {
	local part parts=()
	[ "$(id -u)" -eq 0 ] || lab_die "needs root (network namespaces)"
	if lab_is_up; then
		lab_say "lab: already up ($LAB_STATE)"
		return 0
	fi
	for part in app/inletd/inletd app/inlet/inlet app/relay/inlet-relay deploy/lab.d/tools/lab-send; do
		[ -x "$LAB_BUILD/$part" ] || lab_die "$LAB_BUILD/$part is not built: ninja -C $LAB_BUILD"
	done
	lab_down # what an earlier one left behind
	mkdir -p "$LAB_STATE/frr" && chown frr:frr "$LAB_STATE/frr" || return 1
	{
		local name
		for name in LAB_BUILD LAB_SOURCES LAB_RELAYS LAB_RATE LAB_DEVICE LAB_WORKERS LAB_SPREAD LAB_ENDPOINTS \
			LAB_HELLO_DELAY_MS LAB_IGMP LAB_MLD LAB_PIM LAB_JOIN_INTERVAL LAB_DF LAB_FRAGMENTS LAB_DISCOVERY LAB_RELAY LAB_V6 LAB_CONFIG; do
			printf '%s=%q\n' "$name" "${!name}"
		done
	} >"$LAB_STATE/settings"
	lab_network && lab_write_configs || return 1
	for part in "${LAB_PARTS[@]}"; do # LAB_WITHOUT="PART..." leaves some to be started later
		[[ " ${LAB_WITHOUT-} " = *" $part "* ]] || parts+=("$part")
	done
	for part in "${parts[@]}"; do
		lab_start_part "$part"
	done
	for part in "${parts[@]}"; do
		lab_await_part "$part" || return 1
	done
	touch "$LAB_STATE/up"
	[[ " ${parts[*]} " = *" inletd "*" pimd "* ]] || return 0
	if ! lab_wait 30 lab_pim_neighbor; then
		lab_say "lab: FRR has not heard inletd's PIM Hello within 30 s; the end of inletd's log:"
		tail -n 20 "$LAB_STATE/inletd.log" >&2
		return 1
	fi
}

lab_down() {
	local file part ns pid known
	for part in inletd pimd zebra; do # first those that say goodbye over the network
		lab_stop "$part"
	done
	for file in "$LAB_STATE"/*.pid; do
		part=$(basename "$file" .pid)
		[ ! -f "$file" ] || [ "$part" = nsd ] || lab_stop "$part"
	done
	known=$(ip netns list 2>/dev/null | cut -d ' ' -f 1)
	for ns in "${LAB_NAMESPACES[@]}" rt2 rt3 lan inlet2; do
		ns=$(lab_ns "$ns")
		grep -qxF -- "$ns" <<<"$known" || continue
		for pid in $(ip netns pids "$ns"); do # what somebody started inside by hand, or NSD's children
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$ns"
	done
	rm -rf "$LAB_STATE"
	rmdir "$(dirname "$LAB_STATE")" 2>/dev/null
	return 0
}

# ---- receivers: one process a channel
lab_join() { # lab_join S G [LAB-RECV-OPTION...]
	local s=$1 g=$2
	shift 2
	# A channel that nobody sends yet gets a sender, if its source is one of the lab's.
	if ! grep -qxF "$s $g" "$LAB_STATE/channels" 2>/dev/null &&
		lab_in src ip -br addr show dev s0 | grep -qF " $s/"; then
		lab_spawn "source-$s-$g" src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate "$LAB_RATE" \
			--source "$s" --group "$g" --json
	fi
	rm -f "$LAB_STATE/recv-$s-$g.out"
	lab_spawn "recv-$s-$g" rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 --source "$s" --group "$g" \
		--json "$@"
}
lab_leave() { # lab_leave S G: prints what was received
	lab_running "recv-$1-$2" || return 1
	lab_stop "recv-$1-$2"
	lab_stop "source-$1-$2"
	cat "$LAB_STATE/recv-$1-$2.out"
}
