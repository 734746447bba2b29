# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the lab scenarios share: a lab of their own, TAP, and waiting for events. A scenario begins with
#   . "$(dirname "$0")/_lib.sh"; scenario NAME
# then checks things with `check TEXT COMMAND...` or `report STATUS TEXT`, and ends with `scenario_end`.
# Whatever happens, the lab goes when the scenario does.

# lab_wrap FUNCTION...: the lab's own stays as plain_FUNCTION, for the scenario's that takes its place.
lab_wrap() {
	local f
	for f in "$@"; do
		eval "plain_$(declare -f "$f")"
	done
}

scenario() { # scenario NAME: sets up what the checks need, not the lab
	SCENARIO=$1
	export LAB_PREFIX="${LAB_PREFIX:-t-$1-}"
	# shellcheck source=deploy/lab.d/_lab.sh
	. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lab.d/_lab.sh"
	TAP_N=0
	TAP_BAD=0
	sanitizer_options
	trap scenario_clean EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[ "$(id -u)" -eq 0 ] || {
		echo "1..0 # SKIP needs root (network namespaces)"
		exit 0
	}
}
scenario_clean() {
	local status=$?
	trap '' INT TERM
	lab_down >/dev/null 2>&1
	exit "$status"
}
scenario_end() {
	if lab_running inletd; then
		check "inletd ends cleanly when asked" inletd_ends
	fi
	echo "1..$TAP_N"
	[ "$TAP_BAD" -eq 0 ]
	exit
}

# An ASan or UBSan report ends inletd with a status that the checks see, and is shown.
sanitizer_options() {
	export ASAN_OPTIONS=fast_unwind_on_malloc=0:exitcode=99
	export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=99
	# The driver of AF_XDP sockets in DPDK 22.11 never frees this.
	LAB_LSAN=$LAB_TOP/test/lab/lsan.supp
	export LSAN_OPTIONS=suppressions=$LAB_LSAN:print_suppressions=0
}
# Whether all takes longer: a sanitizer's build, or valgrind's wrapper.
sanitized() { grep -q -e __asan_init -e '^exec valgrind' "$LAB_BUILD/app/inletd/inletd"; }
inletd_ends() {
	local log=$LAB_STATE/inletd.log
	lab_stop inletd
	grep -q 'inletd: stopped' "$log" && ! grep -q -e 'ERROR: .*Sanitizer' -e 'runtime error' "$log" && return
	grep -e Sanitizer -e 'runtime error' -A 20 "$log" | diag
	return 1
}

diag() { sed 's/^/# /'; }
report() { # report STATUS TEXT
	TAP_N=$((TAP_N + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TAP_N - $SCENARIO: $2"
	else
		TAP_BAD=$((TAP_BAD + 1))
		echo "not ok $TAP_N - $SCENARIO: $2"
		[ ! -f "$LAB_STATE/inletd.log" ] || grep -v -e libbpf -e libxdp "$LAB_STATE/inletd.log" | tail -n 12 | diag
	fi
}
check() { # check TEXT COMMAND...
	local text=$1
	shift
	"$@" >/dev/null 2>"$LAB_STATE/check.err"
	report $? "$text"
}
bring_up() { # bring_up: the lab, or the scenario is over
	if ! lab_up 2>"/tmp/$LAB_PREFIX$$.up"; then
		diag <"/tmp/$LAB_PREFIX$$.up"
		rm -f "/tmp/$LAB_PREFIX$$.up"
		report 1 "the lab comes up"
		scenario_end
	fi
	rm -f "/tmp/$LAB_PREFIX$$.up"
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
log_time_ms() { # log_time_ms LINE: the time of a line of inletd's log, in ms since 1970
	date -u -d "${1%% *}" +%s%3N
}
log_line() { # log_line PATTERN: the last line of inletd's log that matches
	grep -- "$1" "$LAB_STATE/inletd.log" | tail -n 1
}
state_is() { # state_is S G STATE
	[ "$(lab_channel "$1" "$2" | jq -r '.state // "none"')" = "$3" ]
}
no_channels() { lab_inlet show channels --json | jq -e 'length == 0'; }
no_tunnels() { lab_inlet show tunnels --json | jq -e 'length == 0'; }
mbufs() { # in use, over all ports, once each port has sent a single packet
	# The driver of AF_XDP sockets keeps what it sent last until it sends again; so that two readings
	# can be compared, each port sends one datagram first.
	local address
	for address in 192.0.2.1 10.9.1.1; do
		lab_in inlet bash -c "echo >/dev/udp/$address/9" || return 1
	done
	sleep 0.2 # a datagram is on its way: nothing tells when the driver has it
	lab_inlet show ports --json | jq 'map(.mbufs_in_use) | add'
}
mbufs_are() { [ "$(mbufs)" -eq "$1" ]; }

# Another router: FRR's zebra and pimd in a namespace, beside those of the lab.
router_start() { # router_start NAME NAMESPACE: pimd.conf is on standard input
	local name=$1 ns=$2 dir=$LAB_STATE/$1
	mkdir -p "$dir" && chown frr:frr "$dir" && cat >"$dir/pimd.conf" || return 1
	printf 'ip nht resolve-via-default\n' >"$dir/zebra.conf"
	lab_spawn "$name-zebra" "$ns" /usr/lib/frr/zebra -f "$dir/zebra.conf" -i "$dir/zebra.pid" \
		-z "$dir/zserv.api" --vty_socket "$dir" -u frr -g frr -P 0 --log "file:$dir/zebra.log"
	lab_wait 20 test -S "$dir/zserv.api" || return 1
	lab_spawn "$name-pimd" "$ns" /usr/lib/frr/pimd -f "$dir/pimd.conf" -i "$dir/pimd.pid" \
		-z "$dir/zserv.api" --vty_socket "$dir" -u frr -g frr -P 0 --log "file:$dir/pimd.log"
	lab_wait 20 test -S "$dir/pimd.vty"
}
router_kill() { # as a crash would
	lab_kill "$1-pimd"
	lab_kill "$1-zebra"
	rm -f "$LAB_STATE/$1/"*.vty "$LAB_STATE/$1/zserv.api"
}
router_vtysh() { # router_vtysh NAME VTYSH-OPTION...
	local name=$1
	shift
	vtysh --vty_socket "$LAB_STATE/$name" "$@" 2>/dev/null
}
router_has_neighbor() { # router_has_neighbor NAME INTERFACE ADDRESS
	router_vtysh "$1" -c 'show ip pim neighbor json' | jq -e --arg i "$2" --arg a "$3" '.[$i] // {} | has($a)'
}

# The same over IPv6: pim6d, which test/lab/pim6d-build has built, with its zebra.
need_pim6d() { # or the scenario is skipped
	FRR6=$("$LAB_TOP/test/lab/pim6d-build" --check 2>&1) && return
	echo "1..0 # SKIP $FRR6"
	exit 0
}
router6_start() { # router6_start NAME NAMESPACE; it takes its configuration from router6_told
	local name=$1 ns=$2 dir=$LAB_STATE/$1 daemon
	mkdir -p "$dir" && chown frr:frr "$dir" || return 1
	printf 'ipv6 nht resolve-via-default\n' >"$dir/zebra.conf"
	printf 'ipv6 pim join-prune-interval 5\n' >"$dir/pim6d.conf"
	for daemon in zebra pim6d; do
		lab_spawn "$name-$daemon" "$ns" "$FRR6/sbin/$daemon" -f "$dir/$daemon.conf" -i "$dir/$daemon.pid" \
			-z "$dir/zserv.api" --vty_socket "$dir" -u frr -g frr -P 0 --log "file:$dir/$daemon.log"
		lab_wait 20 test -S "$dir/$daemon.vty" || return 1
	done
}
# Interfaces are configured by this and not in a file: of those 8.4.4 takes none into the kernel's
# forwarding, where the register interface has their place ("MRT_ADD_VIF ... Address already in use").
router6_told() { # router6_told NAME COMMAND...
	local name=$1
	shift
	python3 "$LAB_TOP/test/lab/frrvty.py" "$LAB_STATE/$name/pim6d.vty" "$@"
}
router6_has_neighbor() { # router6_has_neighbor NAME INTERFACE ADDRESS
	router6_told "$1" 'show ipv6 pim neighbor json' | jq -e --arg i "$2" --arg a "$3" '.[$i] // {} | has($a)'
}
link_local() { # link_local NAMESPACE DEVICE: its address, once no duplicate can be there
	lab_in "$1" ip -6 -j addr show dev "$2" scope link |
		jq -re 'map(.addr_info[]? | select(.local and (.tentative | not))) | .[0].local'
}

lab_link_local() { # the address that inletd speaks PIM over IPv6 from, downstream
	lab_inlet show pim --json | jq -er 'map(select(.address_family == "ipv6"))[0].address'
}
# A scripted PIM neighbor beside FRR (pimspeaker.py), on FRR's end of the downstream link.
speaker_start() { # speaker_start ADDRESS [OPTION...]
	local address=$1 upstream=10.9.1.2
	shift
	if [[ $address = *:* ]]; then
		lab_in frr ip addr add "$address/64" dev xup0 nodad 2>/dev/null
		upstream=$(lab_link_local)
	else
		lab_in frr ip addr add "$address/24" dev xup0 2>/dev/null
	fi
	[ -p "$LAB_STATE/speaker.in" ] || mkfifo "$LAB_STATE/speaker.in"
	lab_in frr python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface xup0 --source "$address" \
		--upstream "$upstream" "$@" <"$LAB_STATE/speaker.in" >"$LAB_STATE/speaker.out" 2>&1 &
	exec {SPEAKER}>"$LAB_STATE/speaker.in"
	lab_wait 15 lab_log_has inletd "neighbor up if=lan addr=$address"
}
speaker() { # speaker COMMAND...: and waits until it is on the wire
	echo "$*" >&"$SPEAKER"
	lab_wait 5 grep -qxF -- "done $*" "$LAB_STATE/speaker.out"
}
