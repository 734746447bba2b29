#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The console at a terminal, recorded: completion, help, tables, JSON, two sessions, one that is stuck
# while its output waits, a line of 3,000 characters, watch, history, detach and attach; and inlet without
# a terminal. What is forwarded meanwhile is not disturbed by any of it.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario terminal
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
inlet=$LAB_BUILD/app/inlet/inlet
records=$LAB_STATE/terminals
mkdir -p "$records"

lab_join "$S" "$G" --seconds 600
check "a channel flows" lab_wait 15 state_is "$S" "$G" flowing
while IFS= read -r line; do
	case $line in
	'ok '*) report 0 "${line#ok }" ;;
	'not ok '*) report 1 "${line#not ok }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done < <(timeout 300 python3 "$LAB_TOP/test/lab/terminal.py" "$inlet" "$LAB_SOCKET" "$records" "$S" "$G" 2>&1
	echo "# terminal.py: status $?")
shown() { # shown NAME TEXT: in what a terminal showed
	grep -q -F -- "$2" "$records/$1.txt"
}
check "the recording has the first session" shown one 'inlet> show channels'
check "and what the stuck one showed" shown stuck 'left out)'

# Without a terminal
check "the socket is for its group, and nobody else" test "$(stat -c %a "$LAB_SOCKET")" = 660
check "one command: its status is 0" eval "lab_inlet show channels --json | jq -e 'length == 1'"
check "one that is none: its status is not" eval '! lab_inlet show nothing'
check "and the error is not in the output" test -z "$(lab_inlet show nothing 2>/dev/null)"
printf '# a comment\nshow version --json\n\nshow channels --json\n' | "$inlet" --socket "$LAB_SOCKET" >"$LAB_STATE/lines"
report $? "commands on standard input"
check "each of them is answered" eval "jq -s -e 'length == 2' '$LAB_STATE/lines'"
check "one of them that fails is the status" eval "! printf 'show nothing\nshow version\n' | $inlet --socket $LAB_SOCKET"
check "no server: status 2" eval "$inlet --socket $LAB_STATE/none show version; [ \$? -eq 2 ]"

lab_stop "recv-$S-$G"
got=$LAB_STATE/recv-$S-$G.out
diag <"$got"
check "none of it cost a packet" jq -e '.packets > 5000 and .lost == 0 and .duplicated == 0' "$got"
lab_inlet show console --json | jq -c '.[0]' | diag
scenario_end
