# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What an AMT relay, or somebody who plays one, may send: a scripted relay (faultrelay.py) beside the lab's
# own serves one more channel all along, and for each row about its answers another one, at an address of
# its own: it says what the row is about before it says what is right.

AMT_S=198.51.100.60 AMT_G=232.6.6.6 AMT_RELAY=203.0.113.60 AMT_OTHER=203.0.113.61
AMT_FIRST=100 AMT_LAST=140 # sources and relays of the rows: their last octet
AMT_NEXT=$AMT_FIRST

amt_relays() { # amt_relays COMMAND...: with each address of the scripted relay
	local i
	for i in 60 $(seq "$AMT_FIRST" "$AMT_LAST"); do
		"$@" "$i"
	done
}
amt_record() { printf '%d IN TYPE260 \\# 6 0a01cb0071%02x\n' "$1" "$1"; }
amt_address() { echo "203.0.113.$1"; }
amt_add() { lab_in relay ip addr add "203.0.113.$1/24" dev wan0; }
amt_del() { lab_in relay ip addr del "203.0.113.$1/24" dev wan0; }

topic_begin() {
	amt_relays amt_add
	amt_add "${AMT_OTHER##*.}"
	amt_relays amt_record >"$LAB_STATE/zone.extra"
	lab_write_zone
	lab_signal dns HUP
	mkfifo "$LAB_STATE/relay3.in"
	# shellcheck disable=SC2046 # words
	lab_in relay python3 "$LAB_TOP/test/lab/faultrelay.py" "$AMT_OTHER" $(amt_relays amt_address) \
		<"$LAB_STATE/relay3.in" >"$LAB_STATE/relay3.out" 2>&1 &
	exec {RELAY3}>"$LAB_STATE/relay3.in"
	tell request good
	lab_inlet add channel "$AMT_S" "$AMT_G" >/dev/null
	lab_wait 30 state_is "$AMT_S" "$AMT_G" flowing
	report $? "a scripted relay serves a channel"
}
topic_end() {
	lab_inlet del channel "$AMT_S" "$AMT_G" >/dev/null
	lab_wait 10 amt_no_tunnel
	report $? "the scripted relay's tunnels end"
	exec {RELAY3}>&-
	amt_relays amt_del
	amt_del "${AMT_OTHER##*.}"
	rm -f "$LAB_STATE/zone.extra" "$LAB_STATE/relay3.in"
	lab_write_zone
	lab_signal dns HUP
}
heard() { tail -n "+$((RELAY3_LINE + 1))" "$LAB_STATE/relay3.out" | grep -qx -- "$1"; } # since the last tell
tell() { # tell COMMAND...: and it is done
	RELAY3_LINE=$(wc -l <"$LAB_STATE/relay3.out")
	echo "$*" >&"$RELAY3"
	lab_wait 10 heard "done $*"
}
amt_no_tunnel() { lab_inlet show tunnels --json | jq -e 'all(.[]; .relay_address | test("203.0.113.1[12]$"))'; }
amt_packets() { lab_channel "$AMT_S" "$AMT_G" | jq '.packets // 0'; }
amt_packets_over() { [ "$(amt_packets)" -ge "$1" ]; }

# The gateway waits for an answer, gets a bad one, counts it, and takes the good one after it.
asked() { # asked discovery|request KIND...
	local what=$1 s=198.51.100.$AMT_NEXT g=232.6.7.$AMT_NEXT
	shift
	AMT_NEXT=$((AMT_NEXT < AMT_LAST ? AMT_NEXT + 1 : AMT_FIRST))
	tell "$what" "$@"
	lab_inlet add channel "$s" "$g" >/dev/null
	must "the good answer is taken, and the channel joined" lab_wait 30 heard "update $s $g"
	must "and those before it were sent" heard "sent $1"
	lab_inlet del channel "$s" "$g" >/dev/null
}
answered() { # answered discovery|request COUNTER KIND...
	local what=$1
	counter "amt.$2"
	shift 2
	asked "$what" "$@" good
}
# Data comes through a tunnel that is up, and cannot be used. Beside it a good packet comes each second.
data() { # data COUNTER KIND N: each is counted
	local before packets
	counter "fastpath.$1"
	before=$(count_of "fastpath.$1")
	packets=$(amt_packets)
	tell data "$2" "$3"
	must "each of $3 is counted" lab_wait 10 eval "[ \$(count_of fastpath.$1) -eq $((before + $3)) ]"
	must "none is taken" eval "! amt_packets_over $((packets + $3))"
}
data_passes() { # data_passes KIND N: the same, and it is good
	local packets
	packets=$(amt_packets)
	tell data "$1" "$2"
	must "all $2 are forwarded" lab_wait 10 amt_packets_over $((packets + $2))
}

row amt_adv_version slow "Advertisement of another AMT version"
fault_amt_adv_version() { answered discovery VERSION version; }
row amt_adv_type slow "an unknown type in place of an Advertisement"
fault_amt_adv_type() { answered discovery TYPE type; }
row amt_adv_nonce quick "Advertisement with a wrong nonce"
fault_amt_adv_nonce() { answered discovery NONCE nonce; }
row amt_adv_address quick "Advertisement with the right nonce from another address"
fault_amt_adv_address() { answered discovery SOURCE address; }
row amt_adv_port slow "Advertisement with the right nonce from another port"
fault_amt_adv_port() { answered discovery SOURCE port wait; }
row amt_adv_family quick "Advertisement of an IPv6 relay over IPv4"
fault_amt_adv_family() { answered discovery ADV_FAMILY family; }
row amt_adv_length slow "Advertisement of an address of five octets"
fault_amt_adv_length() { answered discovery ADV_LENGTH length; }
row amt_adv_bogon quick "Advertisement of a loopback address, a group and an address of ours"
fault_amt_adv_bogon() { answered discovery ADV_ADDRESS bogon multicast ours; }

row amt_query_version slow "Query of another AMT version"
fault_amt_query_version() { answered request VERSION version; }
row amt_query_type slow "unknown types, and a Request, in place of a Query"
fault_amt_query_type() { answered request TYPE type own-type; }
row amt_query_nonce quick "Query with a wrong nonce"
fault_amt_query_nonce() { answered request NONCE nonce; }
row amt_query_address quick "Query with the right nonce from another address"
fault_amt_query_address() { answered request SOURCE address; }
row amt_query_port slow "Query with the right nonce from another port"
fault_amt_query_port() { answered request SOURCE port wait; }
row amt_query_cut quick "Query cut at every length of its header"
fault_amt_query_cut() { answered request SHORT cut-header; }
row amt_query_cut_inside quick "Query cut at every length of its inner datagram"
fault_amt_query_cut_inside() { answered request QUERY_IP cut-inside; }
row amt_query_empty slow "an empty datagram in place of a Query"
fault_amt_query_empty() { answered request SHORT empty; }
row amt_query_checksum quick "Query with a bad inner IGMP checksum"
fault_amt_query_checksum() { answered request QUERY_CHECKSUM checksum; }
row amt_query_header slow "Query with a bad inner IP header checksum, and one longer than its datagram"
fault_amt_query_header() { answered request QUERY_IP ip-checksum overrun; }
row amt_query_family quick "MLD Query in answer to a Request for IGMP"
fault_amt_query_family() { answered request QUERY_PROTOCOL mld; }
row amt_query_old slow "IGMPv2 Query"
fault_amt_query_old() { answered request QUERY_LENGTH igmpv2; }
row amt_query_group slow "Group-Specific Query"
fault_amt_query_group() { answered request QUERY_NOT_GENERAL group; }
row amt_query_gateway quick "Query that says G=1 and has no gateway fields"
fault_amt_query_gateway() { answered request QUERY_GATEWAY no-gateway; }
row amt_query_no_alert quick "Query without the inner Router Alert option: taken"
fault_amt_query_no_alert() {
	asked request no-alert
}
row amt_query_flood slow "the same Query two thousand times over"
fault_amt_query_flood() {
	# What a relay says beyond its rate is not looked at; what the ring has no room for does not get that far.
	also amt.RELAY_RATE fastpath.POLICED_AMT
	answered request UNEXPECTED good '2000*good'
}

row amt_data_version slow "data of another AMT version"
fault_amt_data_version() { data AMT_VERSION version 100; }
row amt_data_cut quick "data cut at every length of its headers"
fault_amt_data_cut() { data AMT_SHORT cut-header 21; }
row amt_data_cut_inside quick "data cut at every length behind its inner header"
fault_amt_data_cut_inside() { data INNER_LENGTH cut-inside 40; }
row amt_data_not_relay quick "data from somebody who is not the relay"
fault_amt_data_not_relay() { data NOT_RELAY address 100; }
row amt_data_port slow "data from another port of the relay"
fault_amt_data_port() { data NOT_RELAY port 100; }
row amt_data_not_joined quick "data for a channel that is not joined"
fault_amt_data_not_joined() { data NOT_JOINED group 100; }
row amt_data_other_source slow "data of a joined group from another source"
fault_amt_data_other_source() { data NOT_JOINED source 100; }
row amt_data_source quick "data whose inner source is no unicast address"
fault_amt_data_source() { data INNER_SOURCE source-multicast 100; }
row amt_data_unicast slow "data to a unicast address"
fault_amt_data_unicast() { data INNER_NOT_MULTICAST unicast 100; }
row amt_data_link_local slow "data to a link-local group"
fault_amt_data_link_local() { data INNER_LINK_LOCAL link-local 100; }
row amt_data_ttl_0 quick "data with inner TTL 0"
fault_amt_data_ttl_0() { data TTL ttl-0 100; }
row amt_data_ttl_1 slow "data with inner TTL 1"
fault_amt_data_ttl_1() { data TTL ttl-1 100; }
row amt_data_inner_length quick "data whose inner length is beyond the outer"
fault_amt_data_inner_length() { data INNER_LENGTH overrun 100; }
row amt_data_inner_checksum quick "data with a bad inner header checksum"
fault_amt_data_inner_checksum() { data INNER_CKSUM ip-checksum 100; }
row amt_data_inner_version slow "data of inner IP version 5"
fault_amt_data_inner_version() { data INNER_VERSION ip-version 100; }
row amt_data_inner_header slow "data with an inner header of 16 octets"
fault_amt_data_inner_header() { data INNER_HEADER ip-header 100; }
row amt_data_source_route slow "data that says its own route"
fault_amt_data_source_route() { data INNER_SOURCE_ROUTE source-route 100; }
row amt_data_udp_checksum quick "data with a wrong outer UDP checksum"
fault_amt_data_udp_checksum() { data UDP_CKSUM udp-checksum 100; }
row amt_data_udp_checksum_0 quick "data without an outer UDP checksum: forwarded"
fault_amt_data_udp_checksum_0() { data_passes udp-checksum-0 100; }
row amt_data_twice slow "data that comes twice: RFC 7450 numbers nothing, both are forwarded"
fault_amt_data_twice() { data_passes same 100; }
row amt_data_replayed quick "data to the port of a tunnel that is gone: the kernel's"
fault_amt_data_replayed() {
	also fastpath.POLICED_STRAY # data of no tunnel goes up to the kernel at a rate
	tell data replayed 100
	must "it is sent" heard "done data replayed 100"
}
