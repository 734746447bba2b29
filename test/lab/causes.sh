#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `explain S G` names what is wrong where only a comparison tells: a zone whose signatures are wrong, a
# NAT that is closed (from the start, or after it was open) against a relay that is dead behind one that
# is open, and a port that has run out of mbufs against everything that this looks like.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario causes
for tool in ldns-keygen ldns-signzone nft; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP $tool is not installed (deploy/packages-lab)"
		exit 0
	}
done
export LAB_SOURCES=2 LAB_RATE=400 LAB_WITHOUT='dns inletd zebra pimd'
export LAB_DNS="dnssec = \"permissive\"; trust_anchor_file = \"$LAB_STATE/anchors\";"
BOGUS=$LAB_FIRST_SOURCE BOGUS_G=$LAB_FIRST_GROUP
S=$(lab_source 1) G=$(lab_group 1)
bring_up

verdict() { lab_inlet explain "$1" "$2" --json | jq -r '.[-1] | select(.step == "verdict") | .state + " " + .detail'; }
verdict_is() { [[ "$(verdict "$1" "$2")" = *$3* ]]; } # verdict_is S G TEXT
explained() { # explained TEXT S G VERDICT: within 40 s
	lab_wait 40 verdict_is "$2" "$3" "$4"
	report $? "$1"
	echo "# $(verdict "$2" "$3")"
}
sign() { # the reverse zone, and then one octet of what was signed is changed
	local zone=100.51.198.in-addr.arpa key
	key=$(cd "$LAB_STATE" && ldns-keygen -a ECDSAP256SHA256 -k "$zone") &&
		(cd "$LAB_STATE" && ldns-signzone -e 20361231 -o "$zone" lab.zone "$key" && cat "$key.ds" >>anchors) &&
		sed -i '/^10/s/cb00710b/cb00710c/' "$LAB_STATE/lab.zone.signed" &&
		sed -i 's/zonefile: lab.zone/zonefile: lab.zone.signed/' "$LAB_STATE/nsd.conf"
}
nat() { # nat open|closed: closed, our Requests go out and nothing comes back
	lab_in net nft flush chain ip nat forward || return 1
	[ "$1" = open ] || lab_in net nft add rule ip nat forward iifname to-relay udp sport 2268 drop
}
lab_in net nft add table ip nat 2>"$LAB_STATE/nft.err" &&
	lab_in net nft add chain ip nat post '{ type nat hook postrouting priority 100; }' 2>>"$LAB_STATE/nft.err" &&
	lab_in net nft add chain ip nat forward '{ type filter hook forward priority 0; }' 2>>"$LAB_STATE/nft.err" &&
	lab_in net nft add rule ip nat post oifname to-relay ip saddr 192.0.2.0/24 udp dport 2268 masquerade to :40000-40009 2>>"$LAB_STATE/nft.err" || {
	echo "1..0 # SKIP the kernel has no nftables NAT: $(head -n 1 "$LAB_STATE/nft.err")"
	exit 0
}

sign >"$LAB_STATE/sign.log" 2>&1
report $? "a zone is signed, and then forged"
nat closed
lab_start_part dns
check "the name server answers" lab_wait 20 lab_part_ready dns
lab_start_part inletd
check "inletd is up" lab_wait 30 lab_inletd_ready
lab_inlet add channel "$BOGUS" "$BOGUS_G" >/dev/null
lab_inlet add channel "$S" "$G" >/dev/null
explained "bogus DNSSEC" "$BOGUS" "$BOGUS_G" 'bad The answer of DNS fails DNSSEC validation'
explained "a NAT that was never open" "$S" "$G" 'nothing comes back, not even an ICMP error: a NAT or firewall on the way is closed'
nat open
explained "it opens" "$S" "$G" 'ok The channel flows: '
check "the NAT is seen" eval "lab_inlet explain $S $G | grep -q 'tunnel *ok.*seen as 203.0.113.1 port 4000[0-9], by a NAT'"
nat closed
explained "a NAT that has closed" "$S" "$G" 'a NAT is between us, and nothing comes back through it, not even an ICMP error: the NAT is closed'
nat open
explained "it opens again" "$S" "$G" 'ok The channel flows: '
lab_stop relay
explained "a relay that is dead, behind a NAT that is open" "$S" "$G" 'the relay is dead, and has to be started again'
lab_start_part relay
explained "it is back" "$S" "$G" 'ok The channel flows: '
lab_stop source
explained "no data, and a NAT that is open" "$S" "$G" 'but the relay sends nothing of it that gets through the NAT between us (it sees us as 203.0.113.1 port 4000'
check "the DNSSEC verdict holds" verdict_is "$BOGUS" "$BOGUS_G" 'bad The answer of DNS fails DNSSEC validation'

# A pool as small as the driver takes it, and datagrams whose second half never comes: each holds an mbuf.
lab_stop inletd
lab_in net nft delete table ip nat
sed -i 's|spread = |mbufs = 2304; &|; s|outer_fragments = "[a-z]*";|outer_fragments = "reassemble"; fragment_datagrams = 8192; fragment_timeout_ms = 5000;|' \
	"$LAB_STATE/inlet.conf"
lab_start_part source
lab_start_part inletd
check "inletd is up with few mbufs" lab_wait 30 lab_inletd_ready
lab_inlet add channel "$S" "$G" >/dev/null
explained "few mbufs are enough as a rule" "$S" "$G" 'ok The channel flows: '
PORT=$(lab_inlet show tunnels --json | jq '.[0].local_port')
lab_in relay python3 - "$PORT" <<'EOF' >/dev/null
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", 2268, int(sys.argv[1]), 1400, 0) + b"\x06\x00" + bytes(726)
for ident in range(4000):  # the first half of each: MF, offset 0
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ident + 1, 0x2000, 64, 17, 0,
                     socket.inet_aton("203.0.113.11"), socket.inet_aton("192.0.2.2"))
    s.sendto(ip + udp, ("192.0.2.2", 0))
    if ident % 8 == 0:
        time.sleep(0.002)
EOF
explained "mbufs exhausted" "$S" "$G" 'bad wan has no free mbufs ('
check "the walk says so too" eval "lab_inlet explain $S $G | grep -q 'drops *bad *wan has no free mbufs'"
explained "they are given up" "$S" "$G" 'ok The channel flows: '
scenario_end
