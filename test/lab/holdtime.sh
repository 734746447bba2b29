#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A downstream router dies without a Prune: its channels end when the Holdtime of its Joins runs out,
# not before and not never. And a second router's Join keeps a channel through the first one's Prune.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario holdtime
export LAB_JOIN_INTERVAL=5 # FRR's Joins hold for 17 s then
export LAB_SOURCES=2
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)

# Two routers: FRR and a scripted one.
lab_join "$S" "$G"
check "FRR's receiver has its channel" lab_wait 10 state_is "$S" "$G" flowing
check "a second router comes" speaker_start 10.9.1.3
speaker holdtime 40
speaker join "$S" "$G"
lab_leave "$S" "$G" >"$LAB_STATE/left"
check "FRR prunes" lab_wait 10 lab_log_has inletd "prune heard if=lan s=$S g=$G neighbor=10.9.1.1"
# The other router overrides the Prune, as RFC 7761 has it; inletd waits 3 s for that.
speaker join "$S" "$G"
if lab_wait 5 lab_log_has inletd "prune took effect if=lan s=$S"; then r=1; else r=0; fi
report $r "the second router's Join keeps the channel"
check "and its packets flow" state_is "$S" "$G" flowing
speaker prune "$S" "$G"
check "its Prune, with nobody to object, ends the channel" lab_wait 10 state_is "$S" "$G" none
lab_log_has inletd "prune took effect if=lan s=$S"
report $? "after the override interval"
exec {SPEAKER}>&- # ends without a Goodbye

# FRR is killed.
lab_join "$S2" "$G2"
check "FRR's receiver has another channel" lab_wait 10 state_is "$S2" "$G2" flowing
lab_kill pimd
killed=$(now_ms)
lab_kill zebra
check "the channel ends" lab_wait 30 state_is "$S2" "$G2" none
line=$(log_line "join expired if=lan s=$S2 g=$G2")
[ -n "$line" ]
report $? "because its Join has expired"
ms=$(($(log_time_ms "${line:-@0}") - killed))
# The last Join was heard at most 5 s (its interval) before the kill.
[ "$ms" -ge 11500 ] && [ "$ms" -le 18000 ]
report $? "when the 17 s of the last Join had passed: 12 to 17 s after the kill ($ms ms)"
check "its tunnel goes too" lab_wait 10 no_tunnels
scenario_end
