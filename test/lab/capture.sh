#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `trace S G` before anybody wants the channel: its whole walk is told as it happens, of no other channel,
# and a session that does not read loses lines and holds nobody up.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario capture
command -v tshark >/dev/null || {
	echo "1..0 # SKIP tshark is not installed (deploy/packages-test)"
	exit 0
}
# A small disk, there before inletd: "ip netns exec" gives it a view of the mounts of its own.
full=$(mktemp -d)
trap 'umount "$full" 2>/dev/null; rmdir "$full"; scenario_clean' EXIT
mount -t tmpfs -o size=256k none "$full"
export LAB_SOURCES=2 LAB_WITHOUT='zebra pimd'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)

# ---- trace
traced() { grep -qE -- "$1" "$LAB_STATE/trace.out"; }
in_order() { # in_order PATTERN...: lines that match, one after the other
	awk 'BEGIN { for (n = 1; n < ARGC; n++) p[n] = ARGV[n]; ARGV[1] = ""; ARGC = 1; i = 1 }
		i < n && $0 ~ p[i] { i++ }
		END { if (i < n) print p[i]; exit i < n }' "$@" <"$LAB_STATE/trace.out"
}
lab_spawn trace inlet "$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET" trace "$S" "$G"
check "a trace of a channel that nobody wants yet" lab_wait 10 traced "begins s=$S g=$G, nobody wants it yet"
check "a router comes" speaker_start 10.9.1.4 --hello-interval 1 --hello-holdtime 300
speaker holdtime 300
speaker join "$S" "$G"
check "the first packet is told" lab_wait 15 traced "first packet s=$S g=$G relay=203.0.113.11"
speaker join "$S2" "$G2"
check "another channel flows beside it" lab_wait 15 state_is "$S2" "$G2" flowing
speaker prune "$S" "$G"
check "and the Prune" lab_wait 15 traced "pim: prune heard .*s=$S g=$G"
check "the channel ends" lab_wait 15 state_is "$S" "$G" none
diag <"$LAB_STATE/trace.out"
# In full: mawk knows no {6}.
at='^20[0-9-]*T[0-9:]*\.[0-9][0-9][0-9][0-9][0-9][0-9]Z '
check "the walk, in its order" in_order \
	"${at}pim: join heard if=lan s=$S g=$G neighbor=10.9.1.4" "${at}channel: wanted s=$S g=$G .*by=pim" \
	"${at}driad: asked source=$S name=10.100.51.198.in-addr.arpa" "${at}driad: relay found source=$S .*first=203.0.113.11" \
	"${at}channel: relay tried source=$S relay=203.0.113.11" "${at}amt: discovery sent to=203.0.113.11" \
	"${at}amt: relay advertised relay=203.0.113.11" "${at}amt: request sent relay=203.0.113.11" \
	"${at}amt: query received relay=203.0.113.11" "${at}channel: relay chosen source=$S relay=203.0.113.11" \
	"${at}amt: update s=$S g=$G relay=203.0.113.11 record=(allow|is-in)" "${at}channel: first packet s=$S g=$G" \
	"${at}pim: prune heard if=lan s=$S g=$G" "${at}amt: update s=$S g=$G relay=203.0.113.11 record=block"
check "nothing of the other channel of it" eval "! grep -q -e $S2 -e $G2 $LAB_STATE/trace.out"
check "show traces has it" eval "lab_inlet show traces --json | jq -e '.[0].source_address == \"$S\" and .[0].relays == [\"203.0.113.11\"] and .[0].lost == 0'"
check "trace stop ends it" eval "lab_inlet trace stop | grep -q '1 traces stopped'"
check "its client ends too" lab_wait 10 lab_gone trace
check "with a word" traced "trace: stopped by another session"
check "no trace is left" eval "lab_inlet show traces --json | jq -e 'length == 0'"
check "words that are no addresses are refused" eval '! lab_inlet trace here there'

# ---- capture
capture() { lab_inlet capture "$@"; }
captured() { lab_inlet show capture --json | jq -e ".[0] | $1"; }
ended() { lab_wait 15 captured '.state == "ended"'; }
frames() { tshark -r "$1" -T fields -e frame.number "${@:2}" 2>/dev/null | wc -l; } # frames FILE [OPTION...]
dir=$LAB_STATE/captures
mkdir -p "$dir"
speaker join "$S" "$G"
check "the channel flows again" lab_wait 15 state_is "$S" "$G" flowing
check "a capture of everything" capture start "$dir/all.pcap" limit 2000 packets
check "another one at the same time is refused" eval '! capture start $dir/other.pcap'
check "it ends at its limit" ended
check "with all of it" captured '.packets == 2000 and .dropped == 0 and .reason == "limit"'
[ "$(frames "$dir/all.pcap")" -eq 2000 ]
report $? "tshark reads 2000 frames"
file=$dir/all.pcap
[ "$(od -An -tx4 -N4 "$file" | tr -d ' ')" = a1b23c4d ]
report $? "of nanoseconds"
skew=$(tshark -r "$file" -T fields -e frame.time_epoch -c 1 2>/dev/null)
[ $((${skew%%.*} - $(date +%s))) -ge -60 ] && [ $((${skew%%.*} - $(date +%s))) -le 1 ]
report $? "their time is that of the clock ($skew)"
tunnel=$(frames "$file" -Y "udp.port == 2268 && ip.src == 203.0.113.11")
native=$(frames "$file" -Y "eth.dst == 01:00:5e:01:01:01 && ip.dst == $G && ip.src == $S && !udp.port == 2268")
[ "$tunnel" -gt 300 ] && [ "$native" -gt 300 ]
report $? "data that came in ($tunnel) and what was sent of it ($native)"
check "a file that is there is not overwritten" eval '! capture start $dir/all.pcap 2>$dir/err && grep -q "add force" $dir/err'
check "but by force" capture start "$dir/all.pcap" port lan force
check "until it is stopped" eval 'lab_wait 10 captured ".packets > 100" && capture stop && ended'
[ "$(frames "$file" -Y "ip.dst == $G")" -gt 50 ] && [ "$(frames "$file" -Y 'udp.port == 2268')" -eq 0 ]
report $? "of that port alone"
check "a capture of a tunnel" eval "capture start $dir/tunnel.pcap tunnel 203.0.113.11 limit 500 packets && ended"
[ "$(frames "$dir/tunnel.pcap" -Y 'ip.addr == 203.0.113.11 && udp.port == 2268')" -eq 500 ]
report $? "of nothing else"
port=$(lab_inlet show tunnels --json | jq '.[0].local_port')
check "of one by our port" eval "capture start $dir/port.pcap tunnel 203.0.113.11 port $port snaplen 64 limit 100 packets && ended"
[ "$(frames "$dir/port.pcap" -Y "frame.cap_len == 64 && udp.dstport == $port")" -gt 90 ]
report $? "the first 64 octets of each"
check "of a port that no tunnel has" eval "capture start $dir/none.pcap tunnel 203.0.113.11 port 9 limit 1 seconds && ended && captured '.packets == 0'"
check "of a channel" eval "capture start $dir/channel.pcap channel $S $G limit 600 packets && ended"
[ "$(frames "$dir/channel.pcap" -d udp.port==2268,amt -Y "ip.dst == $G")" -eq 600 ] &&
	[ "$(frames "$dir/channel.pcap" -d udp.port==2268,amt -Y "ip.dst == $G2")" -eq 0 ]
report $? "its data, and not that of another one beside it"
check "a limit of octets" eval "capture start $dir/octets.pcap limit 100000 octets && ended && captured '.octets >= 100000 and .octets < 102000'"
for bad in relative.pcap /dev/null "$dir/nowhere/x.pcap" "$dir/link.pcap" "$dir"; do
	ln -sf "$dir/all.pcap" "$dir/link.pcap"
	check "no capture to ${bad#"$dir"/}" eval "! capture start $bad force"
done
echo precious >"$dir/text"
check "what is no capture is never overwritten" eval "! capture start $dir/text force && grep -q precious $dir/text"
check "nor is an unknown interface captured" eval "! capture start $dir/x.pcap port nowhere && [ ! -e $dir/x.pcap ]"

# A disk that is full: one line, the capture ends, and the stream does not notice.
lost() { lab_inlet show drops --json | jq 'map(select(.name != "NOT_JOINED") | .count) | add // 0'; }
before=$(lost)
check "a disk that becomes full" eval "capture start $full/x.pcap && lab_wait 20 captured '.state == \"ended\" and (.reason | test(\"No space\"))'"
check "one line in the log" eval '[ "$(grep -c "capture stopped file=.*No space" "$LAB_STATE/inletd.log")" -eq 1 ]'
check "the file is whole as far as it goes" eval "tshark -r $full/x.pcap >/dev/null 2>$dir/err && ! grep -q cut $dir/err && [ \$(frames $full/x.pcap) -gt 100 ]"
check "the stream goes on" eval "state_is $S $G flowing && [ \$(lost) -eq $before ]"
check "a capture that runs when inletd ends" capture start "$dir/end.pcap"
check "has something" lab_wait 10 captured '.packets > 50'
check "inletd ends" inletd_ends
tshark -r "$dir/end.pcap" >/dev/null 2>"$dir/err" && ! grep -q cut "$dir/err" && [ "$(frames "$dir/end.pcap")" -gt 50 ]
report $? "and the file is whole"
speaker_stop() { exec {SPEAKER}>&-; }
speaker_stop
scenario_end
