#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Without a relay, without DNS, without a record: inletd says for each channel why it does not flow, and
# when what was missing comes, it flows by itself.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario norelay
export LAB_SOURCES=2
export LAB_WITHOUT="relay dns"
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
reason() { lab_channel "$1" "$2" | jq -r .reason; }
reason_has() { reason "$1" "$2" | grep -q -- "$3"; }

lab_join "$S" "$G"
check "no DNS: the channel says that it asks" lab_wait 5 reason_has "$S" "$G" 'asking DNS'
check "and then that nobody answers" lab_wait 15 reason_has "$S" "$G" '^DNS: '
lab_start_part dns
check "DNS is back: the relay is found by itself" lab_wait 30 lab_log_has inletd "relay found source=$S"
check "no relay: the channel says who does not answer" lab_wait 5 reason_has "$S" "$G" '203.0.113.11'
check "and is held in a state, not flowing" eval '! state_is "$S" "$G" flowing'
check "the relay is tried, then held down with the reason" \
	lab_wait 30 lab_log_has inletd 'relay held down relay=203.0.113.11 reason="no answer"'
check "and the channel says so" lab_wait 5 reason_has "$S" "$G" 'no answer'
lab_start_part relay
check "the relay is back: the channel flows by itself" lab_wait 60 state_is "$S" "$G" flowing
check "and needs no reason any more" eval '[ -z "$(reason "$S" "$G")" ]'

# A source whose sender publishes nothing.
lab_in src ip addr add 198.51.100.200/24 dev s0
lab_join 198.51.100.200 232.9.9.9
check "no record: the channel says so" lab_wait 5 reason_has 198.51.100.200 232.9.9.9 'DNS: no-record'
check "the other one is untouched" state_is "$S" "$G" flowing

# A relay that is full.
lab_relayctl limit on >/dev/null
S2=$(lab_source 1) G2=$(lab_group 1)
lab_leave "$S" "$G" >"$LAB_STATE/left"
check "left: no tunnel is kept" lab_wait 15 no_tunnels
lab_join "$S2" "$G2"
check "a full relay: the channel says so" lab_wait 5 reason_has "$S2" "$G2" 'full'
scenario_end
