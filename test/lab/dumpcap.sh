#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# memory = "shared": DPDK's own dpdk-dumpcap attaches to inletd from a process of its own, and its file has
# the stream, which goes on as if nothing were. Huge pages that are not there are reserved meanwhile.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario dumpcap
for tool in dpdk-dumpcap tshark; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP $tool is not installed"
		exit 0
	}
done
pages=/proc/sys/vm/nr_hugepages
reserved=$(cat "$pages")
huge=$(mktemp -d)
trap 'umount "$huge" 2>/dev/null; rmdir "$huge"; echo "$reserved" >"$pages" 2>/dev/null; scenario_clean' EXIT
free_pages() { awk '/^HugePages_Free/ { print $2 }' /proc/meminfo; }
[ "$(awk '/^Hugepagesize/ { print $2 }' /proc/meminfo)" = 2048 ] &&
	{ [ "$(free_pages)" -ge 140 ] || echo $((reserved + 220)) >"$pages"; } 2>/dev/null &&
	[ "$(free_pages)" -ge 140 ] && mount -t hugetlbfs -o pagesize=2M none "$huge" 2>/dev/null || {
	echo "1..0 # SKIP no 140 huge pages of 2 MiB can be had"
	exit 0
}
export LAB_WITHOUT='inletd zebra pimd'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
sed -i "s|memory = \"no-huge\"|memory = \"shared\"|; s|eal = \[ |eal = [ \"--huge-dir=$huge\", |" "$LAB_STATE/inlet.conf"
lab_start_part inletd
check "inletd is up" lab_wait 30 lab_inletd_ready
check "and says by which name it is found" lab_log_has inletd "dpdk-dumpcap may attach file_prefix=${LAB_PREFIX%-}"
lab_inlet add channel "$S" "$G" >/dev/null
check "a channel flows" lab_wait 15 state_is "$S" "$G" flowing
dump() { # dump PORT FILE: 200 packets
	lab_in inlet timeout 60 dpdk-dumpcap --file-prefix="${LAB_PREFIX%-}" -i "$1" -c 200 -w "$2"
}
frames() { tshark -r "$1" -Y "$2" -T fields -e frame.number 2>/dev/null | wc -l; }
check "dpdk-dumpcap captures upstream" dump 0 "$LAB_STATE/up.pcapng"
check "data of the tunnel" [ "$(frames "$LAB_STATE/up.pcapng" "udp.port == 2268 && ip.dst == $G")" -ge 190 ]
check "and downstream" dump 1 "$LAB_STATE/down.pcapng"
check "the same data, native" [ "$(frames "$LAB_STATE/down.pcapng" "eth.dst == 01:00:5e:01:01:01 && ip.dst == $G")" -ge 190 ]
check "the channel flows on" state_is "$S" "$G" flowing
check "nothing was dropped" eval "lab_inlet show drops --json | jq -e 'map(select(.name != \"NOT_JOINED\")) == []'"
scenario_end
