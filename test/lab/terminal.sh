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

# Counters
packets() { lab_inlet show channels source "$S" --json | jq '.[0].packets'; }
before=$(packets)
check "clear counters" eval "lab_inlet clear counters --json | jq -e '.[0].channels == 1'"
counted=$(packets)
[ "$counted" -lt "$before" ] && [ "$counted" -lt 3000 ]
report $? "shows count from there ($before, then $counted)"
check "and say since when" eval "lab_inlet show version --json | jq -e '.[0].counters_cleared >= 0'"
check "set log" eval "lab_inlet set log amt debug --json | jq -e '.[0].level == \"debug\"'"
check "is what show log shows" eval "lab_inlet show log --json | jq -e 'any(.room == \"amt\" and .level == \"debug\") and any(.room == \"pim\" and .level == \"info\")'"

# DNS
offered() { # offered JQ: of the relays that DNS offers for the source
	lab_inlet resolve "$S" --json | jq -e "$1"
}
check "resolve says what DNS offers" offered 'length == 1 and .[0].order == 1 and .[0].discovery_address == "203.0.113.11"'
lab_inlet resolve "$S" | diag
none=$(lab_inlet resolve 198.51.100.200 2>&1)
check "and why there is none" grep -q '^error: no relay for 198.51.100.200: no-record' <<<"$none"
check "a relay that is held is not tried" eval "lab_inlet relay hold 203.0.113.11 >/dev/null; offered '.[0].order == null and (.[0].why | startswith(\"held down\"))'"
check "and then is" eval "lab_inlet relay release 203.0.113.11 >/dev/null; offered '.[0].order == 1'"
zone=$LAB_STATE/published.zone
{
	printf '@ 60 IN SOA ns.test. admin.test. 1 3600 600 86400 60\n@ 60 IN NS ns.test.\n'
	lab_inlet resolve record 198.51.100.10 relay 203.0.113.11 precedence 5 | grep TYPE260
	lab_inlet resolve record 198.51.100.11 relay amt.example.com ttl 60 | grep TYPE260
} >"$zone"
check "a name server takes the lines to publish" nsd-checkzone 100.51.198.in-addr.arpa "$zone"

lab_stop "recv-$S-$G"
got=$LAB_STATE/recv-$S-$G.out
diag <"$got"
check "none of it cost a packet" jq -e '.packets > 2000 and .lost == 0 and .duplicated == 0' "$got"
lab_inlet show console --json | jq -c '.[0]' | diag
scenario_end
