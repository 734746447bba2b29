#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Throws bad packets at a running lab and checks that each moves exactly one named counter.

usage: badinput.py amt|pim INTERFACE MAC INLET-COMMAND...     (INLET-COMMAND: inlet --socket PATH)

Runs in the namespace at the other end of the port. amt: the golden vectors marked negative, rewritten
to the live tunnel, and every truncation of a valid data packet. pim: negative Join/Prune vectors and
every truncation of a valid one, from 10.9.1.3. Prints TAP lines without numbers, "ok - " or "not ok - ".

No Request is outstanding while this runs, so Queries and Advertisements are refused as UNEXPECTED; the
finer reasons (nonce, length, checksum ...) are the unit tests' (test/unit/amt).
"""
import json
import os
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED_AMT = {
    "N01": "AMT_VERSION", "N02": "TYPE", "N03": "TYPE", "N04": "SHORT", "N05": "SHORT",
    "N06": "ADV_LENGTH", "N07": "UNEXPECTED", "N08": "UNEXPECTED", "N09": "UNEXPECTED",
    "N10": "UNEXPECTED", "N11": "UNEXPECTED", "N12": "UNEXPECTED", "N13": "UNEXPECTED",
    "N14": "UNEXPECTED", "N15": "UNEXPECTED", "N16": "UNEXPECTED", "N17": "UNEXPECTED",
    "N18": "QUERY_GATEWAY", "N19": "INNER_NOT_MULTICAST", "N20": "NOT_RELAY",
    "N21": "INNER_LINK_LOCAL", "N22": "INNER_LENGTH", "N23": "INNER_CKSUM", "N24": "TTL",
    "N25": "INNER_VERSION", "N26": "NOT_JOINED", "N27": "ECN", "N28": "INNER_SOURCE", "N30": "TYPE",
}
EXPECTED_PIM = {"P08": "NOT_UPSTREAM", "P10": "WILDCARD", "P11": "WILDCARD", "P18": "MASK",
                "P19": "JP_MALFORMED", "P20": "ENCODING"}


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(src, dst, proto, payload, tos=0xC0, ttl=64, length=None):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, tos, length or 20 + len(payload), 1, 0, ttl, proto, 0,
                         socket.inet_aton(src), socket.inet_aton(dst))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(src, dst, sport, dport, payload):
    length = 8 + len(payload)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 17, length)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    value = checksum(pseudo + head + payload) or 0xFFFF
    return struct.pack("!HHHH", sport, dport, length, value) + payload


class Target:
    def __init__(self, interface, mac, inlet):
        self.inlet = inlet
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.sock.bind((interface, 0))
        self.bad = 0

    def show(self, what):
        out = subprocess.run(self.inlet + ["show", what, "--json"], check=True, capture_output=True)
        return json.loads(out.stdout)

    def counters(self):
        return {(r["room"], r["name"]): r["count"] for r in self.show("drops")}

    def send(self, packet, mac=None):
        self.sock.send((mac or self.mac) + b"\x02\0\0\0\0\1\x08\0" + packet)

    def moved(self, before):
        """What moved, once something has, or nothing within a second; then a moment for more."""
        for _ in range(20):
            after = self.counters()
            diff = {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
            if diff:
                time.sleep(0.03)
                after = self.counters()
                return {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}
            time.sleep(0.05)
        return {}

    def expect(self, name, packet, wanted, mac=None):
        before = self.counters()
        self.send(packet, mac)
        diff = self.moved(before)
        good = len(diff) == 1 and next(iter(diff))[1] == wanted and next(iter(diff.values())) == 1
        self.report(good, "%s moves %s alone (moved: %s)" % (
            name, wanted, ", ".join("%s/%s+%d" % (*k, v) for k, v in diff.items()) or "nothing"))

    def report(self, good, text):
        print("%s - %s" % ("ok" if good else "not ok", text), flush=True)
        self.bad += not good


def vectors(prefix):
    with open(os.path.join(HERE, "..", "golden", "amt-vectors.json"), encoding="utf-8") as file:
        for vector in json.load(file)["vectors"]:
            if vector["name"].startswith(prefix):
                yield vector


def rewrite_inner(amt, sg):
    """The inner datagram's (S,G) becomes a joined one, so that a later check is reached."""
    inner = bytearray(amt[2:])
    inner[12:20] = sg
    inner[10:12] = b"\0\0"
    inner[10:12] = struct.pack("!H", checksum(bytes(inner[:20])))
    return amt[:2] + bytes(inner)


def run_amt(target):
    tunnel = target.show("tunnels")[0]
    channel = target.show("channels")[0]
    relay, local, port = tunnel["relay_address"], tunnel["local_address"], tunnel["local_port"]
    sg = socket.inet_aton(channel["source_address"]) + socket.inet_aton(channel["group_address"])
    for vector in vectors("N"):
        name = vector["name"][:3]
        if name == "N29":  # IPv6 outside: not spoken yet
            continue
        amt = bytes.fromhex(vector["amt_hex"] or "")
        tos = bytes.fromhex(vector["ip_hex"])[1]
        if name in ("N24", "N27"):
            amt = rewrite_inner(amt, sg)
        src = "203.0.113.250" if name == "N20" else relay
        sport = 2269 if name == "N12" else 2268
        target.expect(vector["name"], ipv4(src, local, 17, udp(src, local, sport, port, amt), tos),
                      EXPECTED_AMT[name])
    # Every truncation of a packet that would be forwarded, by its headers and by the frame.
    payload = b"truncate me " * 5
    inner = ipv4(channel["source_address"], channel["group_address"], 17,
                 struct.pack("!HHHH", 5001, 4999, 8 + len(payload), 0) + payload, 0, 16)
    data = b"\x06\0" + inner
    before = target.counters()
    for cut in range(1, len(data) + 1):
        target.send(ipv4(relay, local, 17, udp(relay, local, 2268, port, data[:len(data) - cut])))
        time.sleep(0.0005)
    whole = ipv4(relay, local, 17, udp(relay, local, 2268, port, data))
    for cut in range(1, len(whole) + 1):
        target.send(whole[:len(whole) - cut])
        time.sleep(0.0005)
    diff = target.moved(before)
    names = {k[1] for k in diff}
    target.report(len(diff) > 0 and names <= {"INNER_LENGTH", "INNER_HEADER", "AMT_SHORT",
                                              "OUTER_LENGTH", "SHORT"},
                  "%d truncations of a data packet are counted: %s" % (
                      len(data) + len(whole), ", ".join("%s+%d" % (k[1], v) for k, v in diff.items())))


def run_pim(target):
    group_mac = bytes.fromhex("01005e00000d")
    us, upstream = "10.9.1.3", socket.inet_aton("10.9.1.2")

    def message(pim):
        pim = pim[:2] + b"\0\0" + pim[4:]
        return pim[:2] + struct.pack("!H", checksum(pim)) + pim[4:]

    def packet(pim):
        return ipv4(us, "224.0.0.13", 103, pim, 0xC0, 1)

    for vector in vectors("P"):
        name = vector["name"][:3]
        if name not in EXPECTED_PIM:
            continue
        pim = bytes.fromhex(vector["ip_hex"])[20:]
        if name != "P08":
            pim = pim[:6] + upstream + pim[10:]
        target.expect(vector["name"], packet(message(pim)), EXPECTED_PIM[name], group_mac)
    join = bytes.fromhex(next(vectors("P05"))["ip_hex"])[20:]
    join = join[:6] + upstream + join[10:]
    target.expect("a wrong checksum", packet(join[:2] + b"\x12\x34" + join[4:]), "CHECKSUM", group_mac)
    before, n = target.counters(), len(target.show("channels"))
    for cut in range(1, len(join) + 1):
        target.send(packet(message(join[:len(join) - cut]) if len(join) - cut >= 4
                           else join[:len(join) - cut]), group_mac)
        time.sleep(0.0005)
    diff = target.moved(before)
    target.report({k[1] for k in diff} <= {"SHORT", "JP_MALFORMED"} and sum(diff.values()) == len(join) and
                  len(target.show("channels")) == n,
                  "%d truncations of a Join are counted and join nothing: %s" % (
                      len(join), ", ".join("%s+%d" % (k[1], v) for k, v in diff.items())))
    asserted = bytes.fromhex(next(vectors("P13"))["ip_hex"])[20:]
    target.expect("an Assert that is cut", packet(message(asserted[:-1])), "ASSERT_MALFORMED", group_mac)
    target.expect("an Assert for a group that is not SSM",
                  packet(message(asserted[:8] + b"\xef" + asserted[9:])), "NOT_SSM", group_mac)
    target.expect("a (*,G) Assert", packet(message(asserted[:14] + bytes(4) + asserted[18:])), "WILDCARD",
                  group_mac)


def main():
    kind, interface, mac = sys.argv[1:4]
    target = Target(interface, mac, sys.argv[4:])
    (run_amt if kind == "amt" else run_pim)(target)
    return 1 if target.bad else 0


if __name__ == "__main__":
    sys.exit(main())
