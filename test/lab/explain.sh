#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `explain S G` names what is wrong, one broken set-up after the other, and says when nothing is.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario explain
export LAB_SOURCES=2 LAB_WITHOUT="relay zebra pimd source"
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

verdict() { lab_inlet explain "$1" "$2" --json | jq -r '.[-1] | select(.step == "verdict") | .state + " " + .detail'; }
verdict_is() { [[ "$(verdict "$1" "$2")" == *$3* ]]; } # verdict_is S G TEXT
explained() { # explained TEXT S G VERDICT: within 30 s
	lab_wait 30 verdict_is "$2" "$3" "$4"
	report $? "$1"
	echo "# $(verdict "$2" "$3")"
}
send() { # send OPTION...: the stream, anew
	lab_stop source
	lab_spawn source src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate 500 --source "$S" --group "$G" "$@"
}
speaker_stop() {
	echo quit >&"$SPEAKER"
	exec {SPEAKER}>&-
}

bring_up
check "words that are no addresses are refused" eval '! lab_inlet explain here there'
explained "a group outside the SSM range" "$S" 239.1.1.1 'bad The group is outside the SSM ranges'
explained "no neighbor" "$S" "$G" 'bad No PIM router is heard'
check "a router comes" speaker_start 10.9.1.4 --hello-interval 1 --hello-holdtime 60
explained "a router that does not join" "$S" "$G" 'bad Nobody asks for it: 1 PIM routers are heard'
speaker_stop
check "it joins, but at another router" speaker_start 10.9.1.5 --upstream 10.9.1.77 --hello-interval 1 --hello-holdtime 60
speaker join "$S" "$G"
explained "a wrong upstream neighbor in the Join" "$S" "$G" 'bad Nobody asks us for it, but 1 of its Joins on lan were addressed to another router'
lab_inlet explain "$S" "$G" | grep -q 'another router, 10\.9\.1\.77:'
report $? "which router that is, is said"
explained "another channel, that nobody has joined anywhere" "$S" 232.77.7.7 'bad Nobody asks for it: '
speaker_stop
check "it joins at us" speaker_start 10.9.1.6 --hello-interval 1 --hello-holdtime 300
speaker holdtime 300
speaker join "$S" "$G"
explained "a relay that is dead" "$S" "$G" 'ICMP says: port unreachable): the relay is dead'
explained "and held down" "$S" "$G" 'bad No relay of 198.51.100.10 can be used (relay 203.0.113.11: no answer): nothing listens on UDP port 2268 there'
speaker join 198.51.100.200 232.9.9.9
explained "no AMTRELAY record" 198.51.100.200 232.9.9.9 'bad No relay is known for 198.51.100.200 (DNS: no-record'
lab_start_part relay
explained "a tunnel that is up, and no data" "$S" "$G" 'bad The tunnel to 203.0.113.11 is up and the channel is joined there, but the relay sends nothing'
send --ttl 1
explained "a TTL that is spent" "$S" "$G" 'bad Packets arrive from relays whose inner TTL is spent'
send
explained "nothing wrong" "$S" "$G" 'ok The channel flows: '
check "who asks is said" eval "lab_inlet explain $S $G | grep -q 'asked for *ok *on lan by PIM router 10.9.1.6: join'"
exec {SPEAKER}>&- # it could not send any more
lab_in frr ip link set xup0 down
check "the downstream link goes down" lab_wait 10 lab_log_has inletd "link if=lan state=down"
explained "a downstream port that is down" "$S" "$G" 'bad Packets come in from 203.0.113.11, but the link of lan is down'
lab_in frr ip link set xup0 up
check "it is up again" lab_wait 10 lab_log_has inletd "link if=lan state=up"
check "and so is a router" speaker_start 10.9.1.8 --hello-interval 1 --hello-holdtime 60
explained "nothing wrong any more" "$S" "$G" 'ok The channel flows: '
lab_relayctl limit on >/dev/null
S2=$(lab_source 1) G2=$(lab_group 1)
speaker prune "$S" "$G"
check "left: no tunnel is kept" lab_wait 20 no_tunnels
speaker join "$S2" "$G2"
explained "a relay that is full" "$S2" "$G2" 'bad The relay is full'
speaker_stop
scenario_end
