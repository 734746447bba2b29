# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What a PIM router on the downstream link, or somebody who plays one, may send: faultlink.py beside FRR,
# from 10.9.1.7.

PIM_S=198.51.100.250 PIM_G=232.8.8.8

pim_says() { lab_in frr python3 "$LAB_TOP/test/lab/faultlink.py" pim xup0 "$@"; }
pim_neighbor() { lab_inlet show neighbors --json | jq -e 'any(.[]; .address == "10.9.1.7")'; }
pim_neighbor_gone() { ! pim_neighbor; }
pim_channels() { lab_inlet show channels --json | jq --argjson n "$FAULTS_SOURCES" 'length - $n'; } # beside the streams
pim_channels_are() { [ "$(pim_channels)" -eq "$1" ]; }
topic_end() { pim_says goodbyes >/dev/null; }

# Each is counted, and joins nothing.
refused() { # refused REASON KIND
	local before
	counter "pim.$1"
	before=$(count_of "pim.$1")
	must "it is sent" pim_says "$2"
	must "the counter moves" lab_wait 10 count_over "pim.$1" "$before"
	must "no channel comes of it, or is left" lab_wait 6 pim_channels_are 0 # 3 s to override a Prune
}

row pim_checksum quick "a bad checksum"
fault_pim_checksum() { refused CHECKSUM checksum; }
row pim_version slow "PIM version 1"
fault_pim_version() { refused VERSION version; }
row pim_type slow "an unknown type"
fault_pim_type() { refused TYPE type; }
row pim_short slow "messages of no to three octets"
fault_pim_short() { refused SHORT short; }
row pim_truncated quick "a Join cut at every length"
fault_pim_truncated() { refused JP_MALFORMED truncated; }
row pim_hello_zero quick "a Hello option of zero length"
fault_pim_hello_zero() { refused HELLO_MALFORMED hello-zero; }
row pim_hello_overrun quick "Hello options that are longer than the message"
fault_pim_hello_overrun() { refused HELLO_MALFORMED hello-overrun; }
row pim_hello_truncated slow "a Hello cut at every length"
fault_pim_hello_truncated() { refused HELLO_MALFORMED hello-truncated; }
row pim_hello_unknown slow "unknown Hello options, empty and long: passed over"
fault_pim_hello_unknown() {
	must "it is sent" pim_says hello-unknown
	must "it is a neighbor" lab_wait 5 pim_neighbor
}
row pim_groups quick "a count of groups beyond the message"
fault_pim_groups() { refused JP_MALFORMED groups; }
row pim_sources quick "counts of sources beyond the message, up to 65535 twice"
fault_pim_sources() { refused JP_MALFORMED sources; }
row pim_mask quick "mask lengths 0, 8, 33 and 255"
fault_pim_mask() { refused MASK mask; }
row pim_asm quick "a group outside the SSM ranges"
fault_pim_asm() { refused NOT_SSM asm; }
row pim_family quick "an address family that is none"
fault_pim_family() { refused FAMILY family; }
row pim_encoding slow "an encoding type that is none"
fault_pim_encoding() { refused ENCODING encoding; }
row pim_wildcard slow "(*,G) and (S,G,rpt) entries"
fault_pim_wildcard() { refused WILDCARD wildcard; }
row pim_source slow "sources that are no unicast address"
fault_pim_source() { refused SOURCE source; }
row pim_join_holdtime_0 slow "a Join with holdtime 0"
fault_pim_join_holdtime_0() { refused HOLDTIME_ZERO holdtime-0; }
row pim_upstream slow "a Join to another router"
fault_pim_upstream() { refused NOT_UPSTREAM upstream; }
row pim_stranger quick "a Join of somebody who said no Hello"
fault_pim_stranger() { refused NOT_NEIGHBOR stranger; }
row pim_off_link slow "a Hello from another network"
fault_pim_off_link() { refused OFF_LINK off-link; }
row pim_own slow "a Hello from our own address"
fault_pim_own() { refused OWN own; }
row pim_destination slow "a Join to our address alone"
fault_pim_destination() { refused DESTINATION destination; }
row pim_assert slow "Asserts that are cut"
fault_pim_assert() { refused ASSERT_MALFORMED assert; }

row pim_mixed quick "(S,G), (*,G) and (S,G,rpt) of one group joined and pruned in one message"
fault_pim_mixed() { refused WILDCARD mixed; }
row pim_holdtime_0 quick "twenty Goodbyes and Hellos in turn"
fault_pim_holdtime_0() {
	must "it is sent" pim_says goodbyes
	must "the last Hello counts" lab_wait 5 pim_neighbor
}
row pim_holdtime_forever quick "a Hello of holdtime 65535: a neighbor until it says Goodbye"
fault_pim_holdtime_forever() {
	must "it is sent" pim_says forever
	must "it never expires" lab_wait 5 eval 'lab_inlet show neighbors --json | jq -e "any(.[]; .address == \"10.9.1.7\" and .expiration == null)"'
	must "a Hello that says otherwise is believed" pim_says hello
	must "it expires again" lab_wait 5 eval 'lab_inlet show neighbors --json | jq -e "any(.[]; .address == \"10.9.1.7\" and .expiration <= 60)"'
}
row pim_genid quick "200 Hellos in a second, each with a new GenID"
fault_pim_genid() {
	local sent
	sent=$(count_of pim_hellos_sent)
	must "it is sent" pim_says genid
	must "it is a neighbor" lab_wait 5 pim_neighbor
	# RFC 7761 section 4.3.1: one triggered Hello a delay, not one for each.
	must "they are not answered one by one" eval "[ \$(count_of pim_hellos_sent) -lt $((sent + 20)) ]"
}
row pim_300_entries quick "300 channels in three messages of 100 sources, joined and pruned"
fault_pim_300_entries() {
	must "they are sent" pim_says sources-300
	must "each is a channel" lab_wait 10 pim_channels_are 300
	must "they are pruned" pim_says sources-300-pruned
	must "none is left" lab_wait 10 pim_channels_are 0
}
row pim_fragments slow "255 groups in one message, in fragments"
fault_pim_fragments() { refused FRAGMENT groups-255; }
row pim_10000_joins quick "10,000 Joins in a second, and their Prunes"
fault_pim_10000_joins() {
	counter log_suppressed # more lines than log.rate lets out
	must "they are sent" pim_says many 10000
	must "each is a channel" lab_wait 20 pim_channels_are 10000
	must "they are pruned" pim_says many-pruned 10000
	must "none is left" lab_wait 20 pim_channels_are 0
}
row pim_join_and_prune quick "a channel joined and pruned in one message, and in two, fifty times each"
fault_pim_join_and_prune() {
	must "one message is sent" pim_says join-and-prune
	must "two are" pim_says at-once
	must "no channel is left" lab_wait 10 pim_channels_are 0
}
