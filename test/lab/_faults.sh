# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What rows of test/lab/fault.d are made of; sourced by test/lab/faults, after _lib.sh. README, "Faults",
# says how to write one.
#
# A topic (test/lab/fault.d/TOPIC.sh) only defines, when it is sourced:
#   row NAME quick|slow|apart TEXT   a row (apart: it only waits, for minutes; it has a lab like that of the
#                               others, of its own, and time beside them), and with it the function
#   fault_NAME()                which breaks something, waits for what must come of it, and repairs it
#   topic_lab()                 settings of a lab of its own (export LAB_...); without, it has the one that
#                               all topics without share
#   topic_begin(), topic_end()  before its first row and after its last
# In a row:
#   counter NAME        the one counter that must move: ROOM.REASON of "show drops", or a family of the
#                       metrics without inlet_ and _total (scrapes_stalled). Without: none may move.
#   also NAME...        others that may move; say why in a comment
#   victim I...|all     channels (numbers from 0) that may lose packets ...
#   limit MS            ... no longer than this at a time
#   restarts            another inletd is there afterwards
#   begins_here         what was until now is not judged
#   afterwards COMMAND  after the verdict
#   must TEXT COMMAND.. that the row holds
#   measured MS         an outage that the row has measured elsewhere than in its streams
#   not_here REASON     the row cannot be run on this machine: it is skipped

FAULTS_PORT=9568 # of the metrics, in the appliance's namespace
FAULTS_SOURCES=6
FAULTS_MBUF_SLACK=48 # frames that are on their way at the moment of the reading
ROWS=()

row() { # row NAME quick|slow|apart TEXT
	ROWS+=("$1")
	ROW_SPEED[$1]=$2
	ROW_TEXT[$1]=$3
	ROW_TOPIC[$1]=$TOPIC
}
declare -A ROW_SPEED=() ROW_TEXT=() ROW_TOPIC=()

counter() { ROW_COUNTER=$1; }
also() { ROW_ALSO+=("$@"); }
victim() { ROW_VICTIMS=("$@"); }
limit() { ROW_LIMIT=$1; }
restarts() { ROW_RESTARTS=1; }
measured() { ROW_MEASURED=$1; }
not_here() { ROW_SKIP=$1; }
afterwards() { ROW_AFTER=$1; }
begins_here() { # what was before is not judged: the row has made what it needs
	lab_wait 45 streams_settled || bad "not every channel flows before the fault"
	lab_signal stream USR2
	stream_report "$ROW_DIR/before.json" || bad "the receiver does not answer"
	page >"$ROW_DIR/before.page" || bad "no page of metrics"
	ROW_PID=$(lab_pid inletd)
	ROW_LOG=$(log_size)
}
# A relay that has just begun, and sends to tunnels that there are and no others: of those of an inletd that
# was killed it knows for minutes.
relay_anew() {
	relay_again
	begins_here
}
relay_again() {
	lab_kill relay
	lab_start_part relay
	lab_wait 10 lab_part_ready relay
}
past() { python3 "$LAB_TOP/test/lab/faultjudge.py" value "$1" <"$ROW_DIR/before.page"; } # of a counter, then
bad() { ROW_BAD+=("$*"); } # bad TEXT: the row has failed
must() { # must TEXT COMMAND...
	local text=$1
	shift
	"$@" >"$LAB_STATE/must.out" 2>&1 && return
	bad "$text"
	tail -n 5 "$LAB_STATE/must.out" | sed 's/^/#   /' >>"$ROW_DIR/notes"
	return 1
}
note() { echo "# $*" >>"$ROW_DIR/notes"; } # what a reader wants to know besides

# What inletd has logged since the row began.
row_log() { tail -c "+$((ROW_LOG + 1))" "$LAB_STATE/inletd.log"; }
row_log_has() { row_log | grep -q -- "$1"; }
row_log_count() { [ "$(row_log | grep -c -- "$1")" -eq "$2" ]; } # row_log_count PATTERN N
log_size() { stat -c %s "$LAB_STATE/inletd.log" 2>/dev/null || echo 0; }
page() { lab_in inlet curl -s -m 10 "http://127.0.0.1:$FAULTS_PORT/metrics"; }
count_of() { page | python3 "$LAB_TOP/test/lab/faultjudge.py" value "$1"; } # of a counter, summed
count_over() { [ "$(count_of "$1")" -gt "$2" ]; }			     # count_over COUNTER N
# What was asked of DNS in vain has been given up: for longer than a query takes nothing more is counted.
dns_settled() {
	local n=-1 now last
	last=$(now_ms)
	while [ $(($(now_ms) - last)) -lt 11000 ]; do
		now=$(count_of driad.SILENT)/$(count_of driad.ERROR)
		[ "$now" = "$n" ] || { n=$now last=$(now_ms); }
		sleep 1 # what is waited for is that nothing comes
	done
}
flowing_are() { # flowing_are N: channels that flow
	lab_inlet show channels --json | jq -e --argjson n "$1" '[.[] | select(.state == "flowing")] | length == $n'
}
all_flow() { flowing_are "$FAULTS_SOURCES"; }
chan() { echo "$(lab_source "$1") $(lab_group "$1")"; } # "S G" of channel number I

thread_stop() { # thread_stop TID: as a debugger does
	rm -f "$LAB_STATE"/stop.{in,out}
	mkfifo "$LAB_STATE/stop.in"
	python3 "$LAB_TOP/test/lab/stopthread.py" "$1" <"$LAB_STATE/stop.in" >"$LAB_STATE/stop.out" 2>&1 &
	exec {STOP}>"$LAB_STATE/stop.in"
	lab_wait 20 grep -q stopped "$LAB_STATE/stop.out"
}
thread_go() {
	exec {STOP}>&-
}

# ---- the standing lab
faults_lab_up() {
	export LAB_SOURCES=$FAULTS_SOURCES LAB_RELAYS=2 LAB_RATE=600 LAB_JOIN_INTERVAL=5
	export LAB_CONFIG="metrics = { listen = \"127.0.0.1:$FAULTS_PORT\"; };"
	if declare -F topic_lab >/dev/null; then topic_lab; fi
	lab_down >/dev/null 2>&1 # one that a run before this one left is not whole
	bring_up
	streams_start
}
streams_start() {
	lab_channels >"$LAB_STATE/bystanders"
	lab_spawn stream rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 \
		--channels "$LAB_STATE/bystanders" --json --quiet
	lab_wait 60 streams_settled
	report $? "the channels flow before anything breaks"
	[ "$TAP_BAD" -eq 0 ] || return 1
	MBUFS_BASE=0
	lab_wait 10 mbufs_read || true
	MBUFS_BASE=$MBUFS_NOW
}
stream_report() { # stream_report FILE: what the receiver has counted
	local n=0 out=$LAB_STATE/stream.out
	[ ! -f "$out" ] || n=$(wc -l <"$out")
	lab_signal stream USR1 || return 1
	local end=$((${EPOCHREALTIME/./} + 5000000))
	until [ "$(wc -l <"$out")" -gt "$n" ]; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
	tail -n 1 "$out" >"$1"
}
streams_settled() { # all channels flow, and none loses
	stream_report "$LAB_STATE/settle.a" || return 1
	sleep 0.3 # the time that is looked at
	stream_report "$LAB_STATE/settle.b" || return 1
	jq -e -n --slurpfile a "$LAB_STATE/settle.a" --slurpfile b "$LAB_STATE/settle.b" \
		'[$a[0], $b[0]] | transpose | all(.[1].packets > .[0].packets and .[1].lost == .[0].lost and .[1].silent_ms < 300)' >/dev/null
}
mbufs_read() { # the smallest of some readings, for frames come and go
	local i n
	MBUFS_NOW=
	for i in 1 2 3; do
		n=$(lab_inlet show ports --json | jq 'map(.mbufs_in_use) | add') || return 1
		[ -n "$n" ] || return 1
		[ -n "$MBUFS_NOW" ] && [ "$MBUFS_NOW" -le "$n" ] || MBUFS_NOW=$n
	done
}
mbufs_back() { mbufs_read && [ "$MBUFS_NOW" -le $((MBUFS_BASE + FAULTS_MBUF_SLACK)) ]; }

# ---- one row
sanitizer_report() { row_log | grep -e 'ERROR: .*Sanitizer' -e 'runtime error:' -A 15; }
row_judge() { # what the pass rule says, into ROW_BAD, ROW_OUTAGE and ROW_COUNTED
	local line before=$ROW_DIR/before.page
	[ -z "$ROW_RESTARTS" ] || before=/dev/null
	lab_wait 45 streams_settled || bad "not every channel flows again"
	stream_report "$ROW_DIR/after.json" || bad "the receiver does not answer"
	lab_running inletd || bad "inletd is gone"
	[ "$(lab_pid inletd)" = "$ROW_PID" ] || [ -n "$ROW_RESTARTS" ] || bad "it is not the same inletd"
	if sanitizer_report >"$ROW_DIR/sanitizer"; then
		bad "a sanitizer has something to say"
		diag <"$ROW_DIR/sanitizer" >>"$ROW_DIR/notes"
	fi
	lab_wait 20 mbufs_back || bad "mbufs: $MBUFS_NOW in use, $MBUFS_BASE before"
	page >"$ROW_DIR/after.page" || bad "no page of metrics"
	while IFS= read -r line; do
		case $line in
		'bad '*) bad "${line#bad }" ;;
		'outage '*) ROW_OUTAGE=${line#outage } ;;
		'counted '*) ROW_COUNTED=${line#counted } ;;
		*) note "$line" ;;
		esac
	done < <(python3 "$LAB_TOP/test/lab/faultjudge.py" judge --before "$before" \
		--after "$ROW_DIR/after.page" --streams "$ROW_DIR/before.json" "$ROW_DIR/after.json" \
		--counter "$ROW_COUNTER" --also "${ROW_ALSO[*]}" --victims "${ROW_VICTIMS[*]}" \
		--limit "$ROW_LIMIT" 2>&1)
	[ -n "$ROW_OUTAGE" ] || bad "no verdict"
	[ "${ROW_OUTAGE:-0}" -ge "$ROW_MEASURED" ] || ROW_OUTAGE=$ROW_MEASURED
}
row_run() { # row_run NAME
	local verdict=pass began
	ROW_DIR=$LAB_STATE/row
	ROW_BAD=() ROW_ALSO=() ROW_VICTIMS=() ROW_COUNTER='' ROW_LIMIT=0 ROW_RESTARTS='' ROW_OUTAGE='' ROW_MEASURED=0
	ROW_COUNTED=- ROW_AFTER='' ROW_SKIP=
	rm -rf "$ROW_DIR" && mkdir -p "$ROW_DIR"
	began=$(now_ms)
	begins_here
	"fault_$1"
	[ -n "$ROW_SKIP" ] || row_judge
	[ -z "$ROW_SKIP" ] || verdict=skip
	[ ${#ROW_BAD[@]} -eq 0 ] || verdict=FAIL
	[ "$verdict" != FAIL ]
	report $? "$1: ${ROW_TEXT[$1]}${ROW_SKIP:+ # SKIP $ROW_SKIP} (outage ${ROW_OUTAGE:-?} ms, counter $ROW_COUNTED, $(($(now_ms) - began)) ms)"
	[ ! -f "$ROW_DIR/notes" ] || cat "$ROW_DIR/notes"
	[ ${#ROW_BAD[@]} -eq 0 ] || printf '%s\n' "${ROW_BAD[@]}" | diag
	printf '%s\t%s\t%s\t%s\t%s\n' "$TOPIC" "$1" "$verdict" "${ROW_OUTAGE:-?}" "$ROW_COUNTED" >>"$FAULTS_RESULTS"
	[ -z "$ROW_AFTER" ] || "$ROW_AFTER"
	# The relays send to the tunnels of the inletd before for minutes, and the next row would see that.
	[ -z "$ROW_RESTARTS" ] || relay_again
}
