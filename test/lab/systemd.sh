#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The units under systemd itself: our package in a clean Debian that systemd-nspawn boots in the lab's
# network. inletd starts as the unit says, sandboxed, with the capabilities that are left to it; who is in
# its group may use the console; it comes back when it is restarted, killed, or a worker stands still; it
# ends when the package is removed, and a purge leaves nothing. Two minutes on two idle CPUs.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario systemd
. "$(dirname "$0")/_debian.sh"

command -v systemd-nspawn >/dev/null || skip_all "systemd-nspawn is not installed (systemd-container)"
debian_begin
box_clean() { # nspawn's cgroups stay behind it, empty
	local status=$? top
	trap '' INT TERM
	lab_stop box >/dev/null 2>&1
	for top in /sys/fs/cgroup/{,*/}{payload,supervisor}; do
		[ ! -d "$top" ] || find "$top" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	return "$status"
}
trap 'box_clean; debian_clean' EXIT
nspawn=(systemd-nspawn --quiet --register=no --keep-unit "--directory=$ROOT")
step 60 "${nspawn[@]}" /bin/true || skip_all "systemd-nspawn starts nothing here: $(tail -n 1 "$WORK/step")"
debian_package
cp "$DEB" "$ROOT/inlet.deb"
inside "$ROOT"
progress "installing it beside systemd"
checked "it installs beside systemd" 900 "${INSIDE_ROOT[@]}" "${APT[@]}" install systemd systemd-sysv dbus \
	dns-root-data /inlet.deb || scenario_end
rm "$ROOT/usr/sbin/policy-rc.d" # from here on services may start and stop
systemctl --root="$ROOT" mask systemd-networkd systemd-logind getty.target >/dev/null 2>&1

progress "the lab"
export LAB_WITHOUT=inletd
bring_up
sed "s#$LAB_SOCKET#/run/inlet/console.sock#" "$LAB_STATE/inlet.conf" >"$ROOT/etc/inlet/inlet.conf"

# nspawn's own filter would keep AF_XDP's programs away, which systemd's of the unit lets through.
box_start() {
	setsid "${nspawn[@]}" --boot "--network-namespace-path=/run/netns/$(lab_ns inlet)" --bind=/dev/net/tun \
		--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK,CAP_BPF,CAP_PERFMON,CAP_SYS_RAWIO \
		--system-call-filter="bpf perf_event_open @mount" --console=pipe \
		</dev/null >"$LAB_STATE/box.out" 2>"$LAB_STATE/box.log" 9>&- &
	echo "$! $(lab_start_time "$!")" >"$LAB_STATE/box.pid"
	lab_wait 120 box_up
}
box() { nsenter -t "$(pgrep -o -P "$(lab_pid box)")" -m -p -u -i -n "$@"; }
box_up() { [[ $(box systemctl is-system-running) =~ ^(running|degraded)$ ]]; }
lab_inlet() { box inlet "$@"; }
shown() { box systemctl show --value -p "$1" inletd; }
is() { [ "$(shown "$1")" = "$2" ]; } # is PROPERTY VALUE, of the unit
runs() { is ActiveState active && lab_pim_neighbor; }
inletd_pid() { # as seen from here
	local pid
	for pid in $(ip netns pids "$(lab_ns inlet)"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != inletd ] || echo "$pid"
	done | head -n 1
}
journal() { box journalctl -u inletd --no-pager -o cat; }
box_check() { # a check whose failure shows the journal
	local bad=$TAP_BAD
	check "$@"
	[ "$TAP_BAD" -eq "$bad" ] || journal 2>/dev/null | grep -v -e libbpf -e libxdp | tail -n 15 | diag
}

check "systemctl enable takes it" systemctl --root="$ROOT" enable inletd
progress "booting"
check "systemd boots" box_start
box_check "inletd runs from the unit, has said READY, and FRR is its PIM neighbor" lab_wait 60 runs
progress "running"
grep -qE 'NoNewPrivs:[[:blank:]]*1' "/proc/$(inletd_pid)/status"
report $? "in its sandbox: no new privileges"
[ $((0x$(sed -n 's/^CapBnd:[[:blank:]]*//p' "/proc/$(inletd_pid)/status") & 0x1)) -eq 0 ]
report $? "and capabilities that the unit does not name are gone (CAP_CHOWN)"
check "its group may use the console" box setpriv --reuid 65534 --regid 65534 --groups inlet inlet show ports
check "others may not" eval '! box setpriv --reuid 65534 --regid 65534 --clear-groups inlet show ports'

S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
lab_join "$S" "$G"
box_check "a channel flows" lab_wait 20 state_is "$S" "$G" flowing
before=$(inletd_pid)
again() { [ "$(inletd_pid)" != "$before" ] && runs && state_is "$S" "$G" flowing; }
box systemctl restart inletd
box_check "after systemctl restart it flows again" lab_wait 60 again
progress "restarted"
before=$(inletd_pid)
kill -KILL "$before"
box_check "killed, it is started again, and the channel flows" lab_wait 60 again
check "which systemd has counted" is NRestarts 1
progress "killed"
before=$(inletd_pid)
mkfifo "$LAB_STATE/stop.in"
worker=$(grep -l '^rte-worker-' "/proc/$before/task/"*/comm | head -n 1 | cut -d / -f 5)
python3 "$LAB_TOP/test/lab/stopthread.py" "$worker" <"$LAB_STATE/stop.in" >"$LAB_STATE/stop.out" 2>&1 &
exec {HELD}>"$LAB_STATE/stop.in"
check "a worker is stopped, as by a debugger" lab_wait 10 grep -q stopped "$LAB_STATE/stop.out"
said() { journal | grep "$1" >/dev/null; } # not -q: journalctl must end by itself
box_check "systemd's watchdog ends it" lab_wait 60 said 'Watchdog timeout'
exec {HELD}>&-
box_check "and it is started again, and the channel flows" lab_wait 60 again
check "which worker stood still is in the journal" said 'worker stands still'
progress "watchdog"

box_check "removing the package stops it" eval 'box dpkg --remove inlet && [ -z "$(inletd_pid)" ]'
check "purged, systemd knows it no more" eval 'box dpkg --purge inlet && is LoadState not-found'
left() { box sh -c 'ls -d /run/inlet /run/dpdk /etc/inlet /etc/systemd/system/*/inlet* /var/lib/systemd/*/*inlet*; getent group inlet' 2>/dev/null; }
left >"$LAB_STATE/left"
[ ! -s "$LAB_STATE/left" ]
report $? "and nothing of it is left"
diag <"$LAB_STATE/left"
check "the system powers off" eval 'lab_signal box TERM && lab_wait 30 lab_gone box'
progress "done"
scenario_end
