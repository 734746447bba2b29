#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What test/fuzz/afl begins with, played to a whole inletd: the vectors as frames at its ports, joins,
# a relay that answers, clients. It lives, answers, and ends without a leak.
# With FILE... those are played and no others.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario daemon
. "$(dirname "$0")/_daemon.sh"
INPUTS=()
for file in "$@"; do
	INPUTS+=("$(realpath "$file")") || exit 2
done
daemon_lab_up
played() { lab_in inlet "${DRIVE[@]}" "$@" -- "${DRIVEN[@]}" >"$LAB_STATE/drive.out" 2>"$LAB_STATE/inletd.log"; }
if [ ${#INPUTS[@]} -gt 0 ]; then
	played "${INPUTS[@]}"
	report $? "they are played, inletd answers after each and ends cleanly"
	diag <"$LAB_STATE/drive.out"
	scenario_end
fi
"$LAB_TOP/test/fuzz/daemon/make-seeds" "$LAB_STATE/seeds" | diag
played "$LAB_STATE"/seeds/*
report $? "every input is played, inletd answers after each and ends cleanly"
diag <"$LAB_STATE/drive.out"
check "a channel of the relay that is there flows" grep -q 'first packet s=198.51.100.10 .* relay=203.0.113.11' "$LAB_STATE/inletd.log"
check "and one of the relay that the inputs play" grep -q 'first packet s=198.51.100.20 .* relay=203.0.113.12' "$LAB_STATE/inletd.log"
check "no sanitizer has a word" eval '! grep -e "ERROR: .*Sanitizer" -e "runtime error" "$LAB_STATE/inletd.log"'
scenario_end
