# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Resources that run out: disk, descriptors, huge pages, /dev/net/tun, the table. In a lab of its own, where
# few channels may be wanted.

topic_lab() {
	LAB_CONFIG+=" limits = { channels = 8; };"
}
# Of inletd's own mount namespace ("ip netns exec" makes one), with which it goes whatever happens.
there() { nsenter -t "$(lab_pid inletd)" -m "$@"; }
disk() { # disk full: a file system without a free block, at $LAB_STATE/full; disk gone: not any more
	case $1 in
	full)
		mkdir -p "$LAB_STATE/full"
		there mount -t tmpfs -o size=16k,mode=755 none "$LAB_STATE/full" || return
		there dd if=/dev/zero of="$LAB_STATE/full/filler" bs=4k
		[ "$(there df --output=avail "$LAB_STATE/full" | tail -n 1)" -eq 0 ]
		;;
	gone)
		there umount "$LAB_STATE/full" && rmdir "$LAB_STATE/full"
		;;
	esac
}

row disk_full_save quick "save onto a full file system"
fault_disk_full_save() {
	counter config_save_failures
	must "the disk is full" disk full || return
	must "it is refused" eval '! lab_inlet save "$LAB_STATE/full/saved.conf"'
	must "and says why" eval '[[ "$(lab_inlet save "$LAB_STATE/full/saved.conf" 2>&1)" = *"No space left"* ]]'
	must "nothing is left there" eval '[ "$(there ls "$LAB_STATE/full")" = filler ]'
	disk gone
}

row disk_full_capture quick "a capture onto a full file system ends, and says why"
fault_disk_full_capture() {
	must "the disk is full" disk full || return
	lab_inlet capture start "$LAB_STATE/full/x.pcap" channel "$(lab_source 0)" "$(lab_group 0)" >"$ROW_DIR/capture" 2>&1
	must "it ends for want of space" lab_wait 15 eval \
		'grep -q "No space left" "$ROW_DIR/capture" || lab_inlet show capture | grep -q "No space left"'
	lab_inlet capture stop >/dev/null 2>&1
	lab_wait 5 disk gone
}

row disk_full_state slow "the state file is on a full file system"
fault_disk_full_state() {
	must "the disk is full" disk full || return
	sed -i "1i state_file = \"$LAB_STATE/full/state\";" "$LAB_STATE/inlet.conf"
	lab_signal inletd HUP
	must "one line says so" lab_wait 20 row_log_has 'state file.*No space left'
	sed -i 1d "$LAB_STATE/inlet.conf"
	lab_signal inletd HUP
	must "back" lab_wait 20 count_over config_reloads "$(($(past config_reloads) + 1))"
	disk gone
}

row log_full slow "the log goes to a device that is full"
fault_log_full() {
	lab_stop inletd
	lab_spawn inletd inlet sh -c 'exec "$0" -c "$1" 2>/dev/full' "$LAB_BUILD/app/inletd/inletd" "$LAB_STATE/inlet.conf"
	afterwards log_full_ends
	begins_here
	counter log_lost
	lab_signal inletd HUP # which logs
	must "lines are lost, and counted" lab_wait 10 count_over log_lost "$(past log_lost)"
	must "all flow" all_flow
}
log_full_ends() {
	lab_stop inletd
	lab_start_part inletd
	lab_wait 40 all_flow
}

row descriptors quick "no file descriptor is left: nothing spins, and it is served when there is one"
fault_descriptors() {
	local pid n was ticks
	counter scrapes_refused
	pid=$(lab_pid inletd)
	n=$(find "/proc/$pid/fd" -maxdepth 1 | wc -l) # one more than there are, and find's dot is one
	was=$(prlimit --pid "$pid" --nofile --noheadings -o SOFT)
	prlimit --pid "$pid" --nofile=$((n - 1)):
	lab_spawn asker inlet curl -s -m 30 "http://127.0.0.1:$FAULTS_PORT/metrics"
	must "one line says so" lab_wait 10 row_log_has 'cannot accept: Too many open files'
	ticks=$(proc_ticks "$pid")
	sleep 2
	ticks=$(($(proc_ticks "$pid") - ticks))
	[ "$ticks" -lt 120 ] || bad "it takes $ticks ticks of the CPU in 2 s"
	prlimit --pid "$pid" --nofile="$was":
	must "who waited is served" lab_wait 15 grep -q '^# EOF' "$LAB_STATE/asker.out"
	lab_stop asker
}
proc_ticks() { # CPU time of the control thread, in 1/100 s
	local stat
	stat=$(<"/proc/$1/task/$1/stat")
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

# Another inletd with what it lacks, beside the one that runs: status 1, and one clear line.
start_refused() { # start_refused TEXT SED-SCRIPT [COMMAND...]
	local text=$1 script=$2 out
	shift 2
	sed -e 's/net_af_xdp\([01]\),iface=[a-z0-9]*/net_null\1/; s/file-prefix=[^"]*/&-second/; s/console\.sock/second.sock/; s/name = "\(wan\|lan\)"/name = "\12"/' \
		-e "s/127.0.0.1:$FAULTS_PORT/127.0.0.1:$((FAULTS_PORT + 1))/; s/mbufs = 2304; //" -e "$script" \
		"$LAB_STATE/inlet.conf" >"$LAB_STATE/second.conf"
	lab_in inlet timeout 20 "$@" "$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/second.conf" >"$ROW_DIR/second" 2>&1
	[ $? -eq 1 ] || bad "its exit status is not 1"
	out=$(grep -c '^inletd: ' "$ROW_DIR/second")
	[ "$out" -eq 1 ] || bad "$out lines say why"
	note "$(grep '^inletd: ' "$ROW_DIR/second")"
	grep '^inletd: ' "$ROW_DIR/second" | grep -q -- "$text" || bad "no line says $text"
}
row hugepages_short quick "there are no huge pages at the start"
fault_hugepages_short() {
	if [ "$(</proc/sys/vm/nr_hugepages)" -ne 0 ]; then
		not_here "this machine has huge pages, which are others' too"
		return
	fi
	start_refused 'huge' 's/memory = "no-huge"/memory = "hugepages"/'
}
row no_tun quick "there is no /dev/net/tun"
fault_no_tun() {
	start_refused '/dev/net/tun' '' unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh
}

row table_full quick "more channels are wanted than limits.channels"
fault_table_full() {
	counter channel.CHANNELS_LIMIT
	also channels_refused # the sum of the reasons
	local i
	for i in 1 2 3 4; do
		lab_inlet add channel 198.51.100.10 "232.8.8.$i" >/dev/null 2>&1
	done
	must "those beyond are refused" count_over channels_refused 0
	for i in 1 2 3 4; do
		lab_inlet del channel 198.51.100.10 "232.8.8.$i" >/dev/null 2>&1
	done
}
