# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What DNS may say, and not say: a scripted server (faultdns.py) takes NSD's place. Each row asks for a source
# of its own, 198.51.100.HOST, whose relay, when the answer is believed, is one of the lab's.

DNS_RELAY=203.0.113.11 DNS_G=232.5.5.5

topic_begin() {
	local i hosts=()
	for ((i = 0; i < FAULTS_SOURCES; i++)); do
		hosts+=("$((10 + i))=good@$(lab_relay "$i")")
	done
	lab_in dns ip addr add 198.18.53.54/24 dev d0
	mkfifo "$LAB_STATE/dns3.in"
	lab_stop dns
	lab_in dns python3 "$LAB_TOP/test/lab/faultdns.py" 198.18.53.53 198.18.53.54 "$DNS_RELAY" "${hosts[@]}" \
		<"$LAB_STATE/dns3.in" >"$LAB_STATE/dns3.out" 2>&1 &
	exec {DNS3}>"$LAB_STATE/dns3.in"
	dns_set 1 nxdomain
	report $? "a scripted DNS server takes NSD's place"
}
topic_end() {
	exec {DNS3}>&-
	lab_in dns ip addr del 198.18.53.54/24 dev d0
	rm -f "$LAB_STATE/dns3.in"
	lab_wait 10 dns_port_free
	lab_start_part dns
	lab_wait 30 lab_part_ready dns
	report $? "NSD is back"
}
dns_port_free() { ! lab_in dns ss -Hlun 'sport = :53' | grep -q 198.18.53.53; }
dns_set() { # dns_set HOST KIND
	echo "set $1 $2" >&"$DNS3"
	lab_wait 10 grep -qx "done set $1 $2" "$LAB_STATE/dns3.out"
}
dns_asked() { grep -q "^query $1 260" "$LAB_STATE/dns3.out"; } # dns_asked HOST
wants() { lab_inlet add channel "198.51.100.$1" "$DNS_G" >/dev/null; } # wants HOST
wants_no_more() { lab_inlet del channel "198.51.100.$1" "$DNS_G" >/dev/null; }
says() { # says HOST PATTERN: as the reason why it does not flow
	lab_channel "198.51.100.$1" "$DNS_G" | jq -e --arg p "$2" '.state != "flowing" and (.reason | test($p))'
}
at_relay() { lab_channel "198.51.100.$1" "$DNS_G" | jq -e --arg r "$DNS_RELAY" '.relay_address == $r'; } # at_relay HOST
# The answer is not used: it is counted, the channel says why; it becomes good, and the channel finds its relay.
mended() { # mended HOST KIND REASON [SECONDS]
	dns_set "$1" "$2"
	wants "$1"
	must "the server is asked" lab_wait 10 dns_asked "$1"
	must "the channel says why: $3" lab_wait "${4-15}" says "$1" "$3"
	must "no forged relay is used" eval "! lab_inlet show relays --json | grep -q 203.0.113.66"
	dns_set "$1" good
	# libunbound remembers that it failed, and each retry waits longer than the one before.
	must "good again, the relay is found" lab_wait 150 at_relay "$1"
	wants_no_more "$1"
}
# The answer is one that says no: it holds as long as it says.
unused() { # unused HOST KIND REASON
	dns_set "$1" "$2"
	wants "$1"
	must "the channel says why: $3" lab_wait 15 says "$1" "$3"
	wants_no_more "$1"
}

row dns_forged slow "forged answers, and no other: wrong ID, question, QR, port and source"
fault_dns_forged() {
	# The wrong question and QR, with all else right: libunbound takes the server for broken.
	counter driad.ERROR
	mended 30 forged 'DNS: failed' 30
}
row dns_forged_first quick "forged answers of wrong ID, port or source, and then the true one: only that is believed"
fault_dns_forged_first() {
	dns_set 31 forged-first
	wants 31
	must "the true relay is found" lab_wait 20 at_relay 31
	must "no forged relay is used" eval "! lab_inlet show relays --json | grep -q 203.0.113.66"
	wants_no_more 31
}
row dns_silent slow "no answer at all"
fault_dns_silent() {
	counter driad.SILENT
	mended 32 silent 'no answer' 30
}
row dns_truncated quick "an answer that is truncated over UDP and whole over TCP"
fault_dns_truncated() {
	dns_set 33 truncated
	wants 33
	must "the relay is found" lab_wait 20 at_relay 33
	must "over TCP" grep -q '^query 33 260 truncated tcp' "$LAB_STATE/dns3.out"
	wants_no_more 33
}
row dns_cut slow "half an answer"
fault_dns_cut() {
	counter driad.ERROR
	mended 34 cut 'DNS: failed'
}
row dns_garbage slow "noise for an answer"
fault_dns_garbage() {
	counter driad.ERROR
	mended 35 garbage 'DNS: failed'
}
row dns_servfail slow "SERVFAIL"
fault_dns_servfail() {
	counter driad.ERROR
	mended 36 servfail 'SERVFAIL'
}
row dns_refused slow "REFUSED"
fault_dns_refused() {
	counter driad.ERROR
	mended 37 refused 'DNS: failed'
}
row dns_nxdomain quick "NXDOMAIN, until there is a record"
fault_dns_nxdomain() {
	counter dns_answers_negative
	mended 38 nxdomain no-record
}
row dns_empty slow "a name without a record, until there is one"
fault_dns_empty() {
	counter dns_answers_negative
	mended 39 empty no-record
}
row dns_loop slow "a CNAME loop"
fault_dns_loop() {
	counter driad.ERROR
	mended 40 loop 'DNS: failed'
}
row dns_many quick "200 relays"
fault_dns_many() {
	counter driad.SURPLUS # past the 64 that are kept
	dns_set 41 many
	wants 41
	must "the one that is preferred is used" lab_wait 20 at_relay 41
	wants_no_more 41
}
row dns_ttl_0 quick "TTL 0: asked again each second, and not more often"
fault_dns_ttl_0() {
	local began n
	dns_set 42 ttl0
	began=$(now_ms)
	wants 42
	must "the relay is found" lab_wait 20 at_relay 42
	must "it is asked again" lab_wait 20 eval '[ "$(grep -c "^query 42 260" "$LAB_STATE/dns3.out")" -gt 3 ]'
	n=$(grep -c "^query 42 260" "$LAB_STATE/dns3.out")
	must "but not each time that somebody looks ($n in $(($(now_ms) - began)) ms)" \
		[ "$n" -le $((2 + ($(now_ms) - began) / 900)) ]
	wants_no_more 42
}
row dns_no_address quick "a relay's name that has no address"
fault_dns_no_address() {
	counter dns_answers_negative
	unused 43 no-address 'unusable|no usable|none with a usable'
}
row dns_no_relay slow "a record that says to use no relay"
fault_dns_no_relay() { unused 44 no-relay 'no-relay'; }
row dns_ours quick "a relay address that is ours"
fault_dns_ours() {
	counter channel.RELAY_OURS
	unused 45 ours 'relay|address of this'
}
row dns_bogon quick "a relay address that is loopback, or a group"
fault_dns_bogon() {
	counter driad.BOGON
	unused 46 bogon 'usable'
	unused 47 multicast 'usable'
}
row dns_killed quick "the server is killed and back: what flows flows on, what is new waits, and then works"
fault_dns_killed() { dns_gone 3 48; }
row dns_gone_ten_minutes apart "the same, and ten minutes between"
fault_dns_gone_ten_minutes() { dns_gone 600 49; }
dns_gone() { # dns_gone SECONDS HOST: without an answer to anything; HOST is new
	local i end=$(($(now_ms) + $1 * 1000))
	counter driad.SILENT
	also driad.ERROR # a failure that libunbound remembers is told at once, as SERVFAIL
	afterwards dns_settled
	for ((i = 0; i < FAULTS_SOURCES; i++)); do
		dns_set $((10 + i)) silent
	done
	dns_set "$2" silent
	wants "$2"
	must "a new channel waits, and says why" lab_wait 30 says "$2" 'no answer'
	while [ "$(now_ms)" -lt "$end" ]; do # the fault is this time
		sleep 1
		all_flow || bad "a channel that flowed does not, after $(((end - $(now_ms)) / 1000)) of $1 s"
		[ ${#ROW_BAD[@]} -eq 0 ] || break
	done
	for ((i = 0; i < FAULTS_SOURCES; i++)); do
		dns_set $((10 + i)) "good@$(lab_relay "$i")"
	done
	dns_set "$2" good
	# By dns.retry_max, 120 s, and chance.
	must "the server is back: the relay of the new one is found" lab_wait 160 at_relay "$2"
	wants_no_more "$2"
}
