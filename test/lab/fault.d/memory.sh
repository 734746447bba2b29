# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The mbufs of the upstream port. In a lab of its own, whose port has as few as the driver takes, and holds
# fragments for three seconds.

topic_lab() {
	export LAB_FRAGMENTS=reassemble
	lab_wrap lab_write_configs
	lab_write_configs() {
		plain_lab_write_configs
		sed -i 's|spread = |mbufs = 2304; &|; s|outer_fragments = "reassemble";|& fragment_datagrams = 8192; fragment_timeout_ms = 3000;|' \
			"$LAB_STATE/inlet.conf"
	}
}

row mbufs_exhausted quick "no mbuf is left at the upstream port: datagrams that never become whole have them all"
fault_mbufs_exhausted() {
	local port
	# Nothing comes in there until they are given up.
	victim all
	limit 12000 # 3 s and what sending them takes on a busy machine
	counter port_receive_nombuf
	# What the fragments end as; what workers and the driver want to send meanwhile finds none either.
	also fastpath.FRAG_TIMEOUT fastpath.NO_MBUF fastpath.TX_FULL port_transmit_errors
	# What answers a Request and its repetition comes in one go once there are mbufs; the second answer is one
	# too many.
	also amt.UNEXPECTED
	port=$(lab_inlet show tunnels --json | jq '.[] | select(.relay_address == "203.0.113.11").local_port')
	must "they are sent" lab_in relay python3 "$LAB_TOP/test/lab/faultfrag.py" 203.0.113.11 192.0.2.2 "$port" first 1200
	must "the port says that it has none" lab_wait 20 count_over port_receive_nombuf "$(past port_receive_nombuf)"
	must "they are given up" lab_wait 20 count_over fastpath.FRAG_TIMEOUT "$(past fastpath.FRAG_TIMEOUT)"
}
