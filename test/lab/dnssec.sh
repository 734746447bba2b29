#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Three senders, one behind a relay's name each, in zones that are signed, tampered with after that, and
# not signed; and inletd with each policy of DNSSEC: what is forged is never used, what is not signed
# only where it may be, and the channel says so. What was forged and is repaired flows by itself.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario dnssec
for tool in ldns-keygen ldns-signzone; do
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP $tool is not installed (ldnsutils)"
		exit 0
	}
done
export LAB_SOURCES=4 LAB_WITHOUT='dns inletd zebra pimd'
# Wanted from the start, whoever starts.
LAB_CONFIG="channels = ( $(lab_channels | sed 's/\(.*\) \(.*\)/{ source = "\1"; group = "\2"; }/' | paste -sd ,) );"
export LAB_CONFIG
bring_up
REVERSE=100.51.198.in-addr.arpa

# The reverse zone is signed, and names what is in the other three: whoever asks for the relay of a
# source gets a good record, and then an address that is good, forged or not signed. The fourth
# record is forged itself.
name_record() { # name_record HOST ZONE: "128 1 3 relay.ZONE.test.", precedence 10, with Discovery
	local hex len=$((${#2}))
	hex=$(printf '%s' "$2" | od -An -tx1 | tr -d ' \n')
	printf '%d IN TYPE260 \\# %d 0a030572656c6179%02x%s047465737400\n' "$1" $((2 + 6 + 1 + len + 6)) "$len" "$hex"
}
sign() { # sign ZONE FILE: FILE.signed, and the zone's DS among the anchors
	local key
	key=$(cd "$LAB_STATE" && ldns-keygen -a ECDSAP256SHA256 -k "$1") &&
		(cd "$LAB_STATE" && ldns-signzone -e 20361231 -o "$1" "$2" "$key" && cat "$key.ds" >>anchors)
}
zone_head() { # zone_head NAME
	printf '$ORIGIN %s.\n$TTL 5\n' "$1"
	printf '@ IN SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 5\n@ IN NS ns.lab.test.\n'
}
write_zones() {
	local zone
	{
		zone_head "$REVERSE"
		name_record 10 signed
		name_record 11 forged
		name_record 12 plain
		echo '13 IN TYPE260 \# 6 0a01cb00710b'
	} >"$LAB_STATE/lab.zone"
	for zone in signed forged plain; do
		{
			zone_head "$zone.test"
			echo 'relay IN A 203.0.113.11'
		} >"$LAB_STATE/$zone.zone"
		printf 'zone:\n  name: %s.test\n  zonefile: %s.zone.signed\n' "$zone" "$zone" >>"$LAB_STATE/nsd.conf"
	done
	sed -i 's/zonefile: lab.zone/zonefile: lab.zone.signed/; s/plain.zone.signed/plain.zone/' "$LAB_STATE/nsd.conf"
	sign "$REVERSE" lab.zone && sign signed.test signed.zone && sign forged.test forged.zone
}
tamper() { # one octet of what is signed already
	sed -i 's/203.0.113.11/203.0.113.12/' "$LAB_STATE/forged.zone.signed" &&
		sed -i '/^13/s/cb00710b/cb00710c/' "$LAB_STATE/lab.zone.signed"
}
repair() {
	sed -i 's/203.0.113.12/203.0.113.11/' "$LAB_STATE/forged.zone.signed" &&
		sed -i '/^13/s/cb00710c/cb00710b/' "$LAB_STATE/lab.zone.signed"
}
inletd_with() { # inletd_with POLICY [ANCHORS]
	lab_stop inletd
	sed -i "s|queries_per_100ms = 100;.*|queries_per_100ms = 100; dnssec = \"$1\"; ${2-} };|" "$LAB_STATE/inlet.conf"
	lab_start_part inletd
	lab_wait 20 lab_inletd_ready
}
row() { # row NUMBER: S G of a source
	echo "$(lab_source "$1") $(lab_group "$1")"
}
flows() {
	# shellcheck disable=SC2046
	state_is $(row "$1") flowing
}
says() { # says NUMBER REASON
	# shellcheck disable=SC2046
	lab_channel $(row "$1") | jq -e --arg r "$2" '.state == "waiting" and (.reason | test($r))'
}
says_asked() { # the forged address is asked, where nobody is
	# shellcheck disable=SC2046
	lab_channel $(row "$1") | jq -e '.reason | test("203.0.113.12")'
}
drop_is() { # drop_is NAME: counted
	lab_inlet show drops --json | jq -e --arg n "$1" 'any(.[]; .room == "driad" and .name == $n)'
}
no_tunnel_to() { lab_inlet show tunnels --json | jq -e --arg r "$1" 'all(.[]; .relay_address != $r)'; }
ANCHORS="trust_anchor_file = \"$LAB_STATE/anchors\";"

write_zones >"$LAB_STATE/sign.log" 2>&1
report $? "the zones are signed"
tamper
lab_start_part dns
check "the name server answers" lab_wait 20 lab_part_ready dns

check "off: inletd is up" inletd_with off
check "off: what is not forged flows" lab_wait 15 eval 'flows 0 && flows 2'
check "off: what is forged is used as well, and leads to another address" \
	lab_wait 10 eval 'says_asked 1 && says_asked 3'

check "require: inletd is up" inletd_with require "$ANCHORS"
check "require: signed flows" lab_wait 15 flows 0
check "require: a relay's name that is not signed is not used" lab_wait 15 says 2 '^DNSSEC insecure: .*relay.plain.test'
check "require: a relay's address that is forged is not used" lab_wait 15 says 1 '^DNSSEC bogus: .*relay.forged.test'
check "require: a record that is forged is not used" lab_wait 15 says 3 '^DNSSEC bogus: .*13.100.51.198'
check "require: both are counted" eval 'drop_is BOGUS && drop_is INSECURE'
check "require: nobody talked to the forged relay" no_tunnel_to 203.0.113.12

check "permissive: inletd is up" inletd_with permissive "$ANCHORS"
check "permissive: signed and unsigned flow" lab_wait 15 eval 'flows 0 && flows 2'
check "permissive: forged does not" lab_wait 15 says 1 '^DNSSEC bogus: .*relay.forged.test'
check "permissive: nor does the forged record" lab_wait 15 says 3 '^DNSSEC bogus: '
check "permissive: a line in the log says so" lab_log_has inletd 'no relay source=198.51.100.11 status="DNSSEC bogus"'
check "permissive: nobody talked to the forged relay" no_tunnel_to 203.0.113.12
repair
lab_stop dns
lab_start_part dns
check "repaired: both flow by themselves" lab_wait 60 eval 'flows 1 && flows 3'

lab_stop inletd
sed -i "s|dnssec = \"permissive\"; .* };|dnssec = \"require\"; trust_anchor_file = \"$LAB_STATE/nowhere\"; };|" \
	"$LAB_STATE/inlet.conf"
lab_start_part inletd
check "require without its anchors: inletd does not start, and says why" \
	lab_wait 15 lab_log_has inletd "trust anchors $LAB_STATE/nowhere: No such file"
scenario_end
