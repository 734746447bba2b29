# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A lab whose inletd drive-daemon starts, with the router, the host and a relay that its inputs play
# (test/fuzz/daemon); for test/lab/daemon.sh and test/fuzz/afl, after _lib.sh.

DRIVE_METRICS=9569
daemon_lab_up() {
	export LAB_V6=1 LAB_IGMP='enabled = true;' LAB_MLD='enabled = true;' LAB_SOURCES=2
	export LAB_CONFIG="metrics = { listen = \"127.0.0.1:$DRIVE_METRICS\"; };"
	lab_wrap lab_write_zone
	lab_write_zone() {
		echo '20 IN TYPE260 \# 6 0a01cb00710c' >"$LAB_STATE/zone.extra" # 203.0.113.12, which the inputs play
		plain_lab_write_zone
	}
	bring_up
	local part
	for part in inletd pimd zebra; do
		lab_stop "$part"
	done
	# Nobody is there, and nobody says so.
	lab_in net ip route add blackhole 203.0.113.12/32
	DRIVE=("$LAB_BUILD/test/fuzz/daemon/drive-daemon" --console "$LAB_SOCKET" --metrics "$DRIVE_METRICS"
		--downstream "$(lab_ns frr):xup0,$(lab_in inlet cat /sys/class/net/dn0/address)"
		--upstream "$(lab_ns net):to-inlet,$(lab_in inlet cat /sys/class/net/up0/address)")
	DRIVEN=("$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/inlet.conf")
}
