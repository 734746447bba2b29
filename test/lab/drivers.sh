#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Ports of shared memory and of TAPs: inletd's upstream port is net_memif, to a testpmd that forwards between it
# and the link; its downstream port is net_tap, in a bridge with the link. A channel flows through both.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario drivers
command -v dpdk-testpmd >/dev/null || {
	echo "1..0 # SKIP needs dpdk-testpmd (package dpdk)"
	exit 0
}
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
export LAB_RATE=300

lab_wrap lab_network lab_write_configs lab_start_part
lab_network() {
	plain_lab_network || return 1
	lab_in inlet ip link add br0 type bridge mcast_snooping 0 forward_delay 0 &&
		lab_in inlet ip link set dn0 master br0 && lab_in inlet ip link set br0 up
}
lab_write_configs() {
	local memif=net_memif0,role=server,id=0,socket=$LAB_STATE/memif.sock,socket-abstract=no,mac=02:00:00:00:00:01
	plain_lab_write_configs
	sed -i -e "s#device = \"net_af_xdp0,iface=up0\";#device = \"$memif\";#" \
		-e 's/device = "net_af_xdp1,iface=dn0";/device = "net_tap0,iface=dtap0,mac=02:00:00:00:00:02";/' \
		"$LAB_STATE/inlet.conf"
}
lab_start_part() {
	plain_lab_start_part "$@"
	[ "$1" = inletd ] || return 0
	lab_wait 30 lab_inletd_ready || return 0 # the wait for inletd tells
	# To the bridge a member's own address is one to keep: it must not be the port's.
	lab_in inlet ip link set dtap0 address 02:bb:00:00:00:02 && lab_in inlet ip link set dtap0 master br0 &&
		lab_in inlet ip link set dtap0 up
	# Without --stats-period it would end with its standard input.
	lab_spawn testpmd inlet nice -n 5 dpdk-testpmd --no-huge --no-shconf --no-pci --no-telemetry -m 256 -l 0,1 \
		--file-prefix "${LAB_PREFIX%-}-testpmd" \
		--vdev "net_memif0,role=client,id=0,socket=$LAB_STATE/memif.sock,socket-abstract=no,mac=02:00:00:00:00:03" \
		--vdev net_af_packet0,iface=up0 -- --forward-mode=io --total-num-mbufs=8192 --stats-period=3600 --auto-start
}
ports() { lab_inlet show ports --json; }
link_is() { ports | jq -e --arg up "$1" ".[0].oper_status == \$up"; }
bring_up

check "a port of net_memif and one of net_tap" eval 'ports | jq -e "map(.driver) == [\"net_memif\", \"net_tap\"]"'
check "which testpmd is connected to: its link is up" lab_wait 20 link_is up
lab_join "$S" "$G" --seconds 5
check "a receiver counts for 5 s" lab_wait 40 lab_gone "recv-$S-$G"
jq -c 'del(.each)' "$LAB_STATE/recv-$S-$G.out" | diag
jq -e --argjson rate "$LAB_RATE" '.packets > $rate * 3 and .duplicated == 0 and .bad == 0' \
	"$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "and has its packets, none doubled or damaged"
state_now() { lab_in inlet ip -o link show | sed 's/ state .*//'; ls -d /run/dpdk/inletprobe* 2>/dev/null; }
before=$(state_now)
check "--probe looks at the ports of this namespace" eval \
	'lab_in inlet "$LAB_BUILD/app/inletd/inletd" --probe >"$LAB_STATE/probe.conf"'
check "what it prints is a configuration" "$LAB_BUILD/app/inletd/inletd" --check "$LAB_STATE/probe.conf"
check "of both links, by net_af_xdp" eval 'grep -q "net_af_xdp.,iface=up0" "$LAB_STATE/probe.conf" &&
	grep -q "net_af_xdp.,iface=dn0" "$LAB_STATE/probe.conf"'
check "and has the netdevs, huge pages and CPUs as comments" eval \
	'grep -q "^#   up0 bound_to=veth link=up" "$LAB_STATE/probe.conf" && grep -q "^# CPUs: [0-9]" "$LAB_STATE/probe.conf" &&
	grep -q "^# Huge pages: " "$LAB_STATE/probe.conf"'
report "$([ "$(state_now)" = "$before" ]; echo $?)" "nothing is changed or left behind"
lab_stop testpmd
check "testpmd goes: the port's link is down" lab_wait 20 link_is down
check "and the interface's" lab_wait 10 lab_log_has inletd "link if=wan state=down"
scenario_end
