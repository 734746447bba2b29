# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Outer fragments from a relay whose tunnel is up (faultfrag.py). What becomes whole is of a channel that
# nobody has joined, and counted as that.

FRAGMENTS_RELAY=203.0.113.11

fragments() { # fragments COUNTER KIND N
	local before port
	counter "fastpath.$1"
	before=$(count_of "fastpath.$1")
	port=$(lab_inlet show tunnels --json | jq --arg r "$FRAGMENTS_RELAY" '.[] | select(.relay_address == $r).local_port')
	must "they are sent" lab_in relay python3 "$LAB_TOP/test/lab/faultfrag.py" "$FRAGMENTS_RELAY" 192.0.2.2 "$port" "$2" "$3"
	must "each of $3 is counted" lab_wait 20 count_over "fastpath.$1" $((before + $3 - 1))
}

row fragments_whole slow "datagrams of two fragments: put together"
fault_fragments_whole() { fragments NOT_JOINED whole 50; }
row fragments_twice quick "the first fragment comes twice: ignored, and the datagram put together"
fault_fragments_twice() { fragments NOT_JOINED twice 50; }
row fragments_overlap quick "the second fragment begins in the first"
fault_fragments_overlap() { fragments FRAG_OVERLAP overlap 50; }
row fragments_far quick "a fragment that ends behind the 65535th octet"
fault_fragments_far() {
	also fastpath.FRAG_TIMEOUT # the first one, which waits for it
	fragments FRAG_INVALID far 50
}
row fragments_tiny slow "a fragment that is no multiple of eight octets, and not the last"
fault_fragments_tiny() { fragments FRAG_INVALID tiny 50; }
row fragments_large quick "datagrams of 60,000 octets"
fault_fragments_large() { fragments FRAG_SIZE large 4; }
row fragments_first quick "first fragments alone"
fault_fragments_first() { fragments FRAG_TIMEOUT first 50; }
