#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A small AMT gateway (RFC 7450, IPv4) that is not ours, to check a relay with: relay_smoke.sh runs it
in the gateway's network namespace. Each check prints a TAP line. Standard library only."""
import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import time

ALLOW, BLOCK = 5, 6
PORT = 2268


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(text):
    return socket.inet_aton(text)


def report(kind, source, group):
    body = struct.pack("!BBHHHBBH", 0x22, 0, 0, 0, 1, kind, 0, 1) + ip(group) + ip(source)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    head = struct.pack("!BBHHHBBH4s4s4s", 0x46, 0xC0, 24 + len(body), 0, 0, 1, 2, 0,
                       ip("0.0.0.0"), ip("224.0.0.22"), b"\x94\x04\0\0")
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


class Gateway:
    def __init__(self, relay):
        self.relay = relay
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.connect((relay, PORT))
        self.nonce = self.mac = None

    def receive(self, kind, timeout=1.0):
        """The next message of this type, or None."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                msg = self.sock.recv(65535)
            except (socket.timeout, ConnectionRefusedError):
                return None
            if msg and msg[0] == kind:
                return msg
        return None

    def discover(self, timeout=1.0):
        nonce = os.urandom(4)
        self.sock.send(b"\1\0\0\0" + nonce)
        msg = self.receive(2, timeout)
        if msg is None or len(msg) != 12 or msg[4:8] != nonce:
            return None
        return socket.inet_ntoa(msg[8:12])

    def request(self, timeout=1.0, flags=0):
        """The Query taken apart; nonce and MAC are kept for Updates. flags: P is 1, E is 2."""
        nonce = os.urandom(4)
        self.sock.send(b"\3" + bytes((flags,)) + b"\0\0" + nonce)
        msg = self.receive(4, timeout)
        if msg is None or msg[8:12] != nonce:
            return None
        inner, gateway = msg[12:], None
        if msg[1] & 1:
            inner, fields = inner[:-18], inner[-18:]
            gateway = (socket.inet_ntoa(fields[14:]), struct.unpack("!H", fields[:2])[0])
        ihl = (inner[0] & 15) * 4
        self.nonce, self.mac = nonce, msg[2:8]
        return {"flags": msg[1], "gateway": gateway, "inner": inner,
                "cksum": checksum(inner[:ihl]) == 0 and checksum(inner[ihl:]) == 0,
                "dst": socket.inet_ntoa(inner[16:20]), "igmp": inner[ihl:]}

    def update(self, kind, source, group, mac=None):
        self.sock.send(b"\5\0" + (mac or self.mac) + self.nonce + report(kind, source, group))

    def teardown(self, address, port):
        self.sock.send(b"\7\0" + self.mac + self.nonce + struct.pack("!H", port) + bytes(12)
                       + ip(address))

    def drain(self):
        self.sock.settimeout(0)
        try:
            while True:
                self.sock.recv(65535)
        except (BlockingIOError, ConnectionRefusedError):
            return


class Checks:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, ok, name):
        self.count += 1
        self.failed += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", self.count, name), flush=True)

    def flows(self, gw, name, yes=True, timeout=2.0):
        """Data comes now, or (what is on its way apart) not any more."""
        if not yes:
            time.sleep(0.1)
            timeout = 0.3
        gw.drain()
        self.check((gw.receive(6, timeout) is not None) == yes, name)


def write_pcap(path, datagrams):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for d in datagrams:
            mac = b"\1\0\x5e" + bytes((d[17] & 127,)) + d[18:20]  # of the group
            f.write(struct.pack("<IIII", 0, 0, 14 + len(d), 14 + len(d)) + mac + bytes(6) + b"\x08\0" + d)


def outer(tap, kind, timeout=2.0):
    """The next IPv4 packet from port 2268 with an AMT message of this type, as it is on the wire."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        tap.settimeout(timeout)
        try:
            pkt = tap.recv(65535)
        except socket.timeout:
            return None
        if pkt[9] == 17 and pkt[20:22] == struct.pack("!H", PORT) and pkt[28] == kind:
            return pkt
    return None


def answered(tap, gw):
    """Until the relay has seen what was sent before: it answers in order."""
    nonce, mac = gw.nonce, gw.mac
    gw.drain()
    gw.request()
    gw.nonce, gw.mac = nonce, mac
    tap.setblocking(False)
    try:
        while True:
            tap.recv(65535)
    except BlockingIOError:
        pass


def wire(a):
    """What is on the wire of a relay with --udp-checksum 0 --mtu 576, for two addresses of it."""
    c = Checks()
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    tap.bind((a.wire, 0))
    first, second = Gateway(a.relay), Gateway(a.relay2)
    c.check(first.request() is not None, "first relay answers")
    pkt = outer(tap, 4)
    c.check(pkt[1] == 0xC0 and pkt[6] == 0x40 and pkt[26:28] != b"\0\0",
            "Query: TOS 0xc0, DF, UDP checksum")
    c.check(second.request() is not None, "second relay answers")
    second.mac, mac = first.mac, second.mac
    second.update(ALLOW, a.source, a.group)
    c.flows(second, "MAC of one relay is nothing to another", yes=False)
    second.mac = mac
    second.update(ALLOW, a.source, a.group)
    pkt = outer(tap, 6)
    c.check(pkt is not None and pkt[1] == 0 and pkt[6] == 0x40 and pkt[26:28] == b"\0\0",
            "data: TOS 0, DF, no UDP checksum")
    second.drain()
    pieces = {}
    for _ in range(60):
        d = (second.receive(6) or b"")[2:]
        if len(d) > 20:
            frag = struct.unpack("!H", d[6:8])[0]
            pieces.setdefault(frag & 0x1FFF, []).append((frag >> 13, len(d)))
    # 1316 + 8 octets of UDP in pieces of 520 at most (576 - 30 - 20, cut to eights).
    c.check(sorted(pieces) == [0, 65, 130] and {x for p in pieces.values() for x in p}
            == {(1, 540), (0, 304)}, "data is fragmented before it is encapsulated")
    c.flows(first, "the other relay's endpoint gets nothing", yes=False)
    first.update(ALLOW, a.source, a.group2)
    c.flows(first, "what has DF and does not fit is dropped", yes=False)
    # RFC 9601 section 4: the outer ECN field is the datagram's where the gateway said E, else 0. The
    # DSCP is not copied.
    second.update(BLOCK, a.source, a.group)
    first.update(ALLOW, a.source, a.group3)
    for e in (0, 2, 0):
        c.check(first.request(flags=e) is not None, "Query to a Request with%s E" % ("" if e else "out"))
        first.update(ALLOW, a.source, a.group3)
        answered(tap, first)
        pkt = outer(tap, 6)
        c.check(pkt is not None and pkt[1] == (3 if e else 0) and pkt[30 + 1] == 0xBB,
                "data of a gateway with%s E: outer ECN %s" % (("", "of the datagram") if e else ("out", "0")))
    return 1 if c.failed else 0


def main():
    p = argparse.ArgumentParser()
    for name in ("relay", "source", "group"):
        p.add_argument("--" + name, required=True)
    for name in ("binary", "control", "pcap", "wire", "relay2", "group2", "group3"):
        p.add_argument("--" + name)
    a = p.parse_args()
    if a.wire:
        return wire(a)
    c = Checks()
    gw = Gateway(a.relay)

    def ctl(*words):
        return subprocess.run([a.binary, "ctl", a.control, *words], check=True,
                              capture_output=True, text=True).stdout

    def status():
        return json.loads(ctl("status"))["relays"][0]

    c.check(gw.discover() == a.relay, "Advertisement names the relay")
    q = gw.request()
    c.check(q is not None and q["cksum"] and q["dst"] == "224.0.0.1", "Query is well-formed")
    c.check(q["igmp"][:2] == b"\x11\x01" and q["igmp"][4:] == bytes(4) + b"\x02\x7d\0\0",
            "General Query: MRC 1, QRV 2, QQIC 125")
    me = gw.sock.getsockname()
    c.check(q["gateway"] == me, "Query tells our address and port")
    c.check(status()["endpoints"] == 0, "a Request creates no state")
    gw.update(ALLOW, a.source, a.group, mac=bytes(6))
    c.flows(gw, "Update with a wrong MAC is ignored", yes=False)

    gw.update(ALLOW, a.source, a.group)
    first = gw.receive(6, 2.0)
    c.check(first is not None, "data after ALLOW")
    got, end = [], time.monotonic() + 1.0
    while time.monotonic() < end:
        msg = gw.receive(6, 0.2)
        if msg:
            got.append(msg[2:])
    write_pcap(a.pcap, got)
    c.check(len(got) > 500, "1000 packets/s come through (%d in 1 s)" % len(got))
    c.check(all(d[12:16] == ip(a.source) and d[16:20] == ip(a.group) for d in got),
            "all of the channel joined")
    s = status()
    c.check((s["endpoints"], s["channels"], s["memberships"][0]["port"]) == (1, 1, me[1]),
            "status shows the membership")

    gw.update(BLOCK, a.source, a.group)
    c.flows(gw, "no data after BLOCK", yes=False)
    c.check(status()["channels"] == 0, "tables empty after BLOCK")

    gw.update(ALLOW, a.source, a.group)
    c.flows(gw, "data after ALLOW again")
    ctl("mute", "on")
    c.flows(gw, "mute: no data", yes=False)
    c.check(gw.request() is not None, "mute: Requests are answered")
    ctl("mute", "off")
    c.flows(gw, "data after mute")

    ctl("silent", "on")
    c.check(gw.discover(0.3) is None, "silent: no Advertisement")
    c.flows(gw, "silent: no data", yes=False)
    ctl("silent", "off")
    ctl("refuse", "on")
    c.check(gw.discover() == a.relay and gw.request(0.3) is None, "refuse: no Query")
    ctl("refuse", "off")
    ctl("discovery", "off")
    c.check(gw.discover(0.3) is None, "discovery off")
    ctl("discovery", "on")
    ctl("advertise", "192.0.2.77")
    c.check(gw.discover() == "192.0.2.77", "advertise another relay")
    ctl("advertise", "self")
    ctl("limit", "on")
    c.check(gw.request()["flags"] == 3, "L flag")
    ctl("limit", "off")
    ctl("gateway", "off")
    q = gw.request()
    c.check(q["flags"] == 0 and q["gateway"] is None, "no G flag")
    ctl("gateway", "on")
    ctl("query-interval", "20")
    c.check(gw.request()["igmp"][9] == 20, "query interval")

    ctl("secret", "new")
    gw.update(BLOCK, a.source, a.group)
    c.flows(gw, "MAC of the secret before is accepted", yes=False)
    ctl("secret", "new", "forget-old")
    gw.update(ALLOW, a.source, a.group)
    c.flows(gw, "MAC of a forgotten secret is not", yes=False)
    gw.request()
    ctl("drop-updates", "on")
    gw.update(ALLOW, a.source, a.group)
    c.flows(gw, "drop-updates", yes=False)
    ctl("drop-updates", "off")
    gw.update(ALLOW, a.source, a.group)
    c.flows(gw, "data with the new secret")

    other = Gateway(a.relay)
    other.nonce, other.mac = gw.nonce, gw.mac
    other.teardown(me[0], other.sock.getsockname()[1])
    c.flows(gw, "Teardown that names another port is ignored")
    other.teardown(me[0], me[1])
    c.flows(gw, "Teardown from another port ends it", yes=False)
    c.check(status()["endpoints"] == 0, "tables empty after Teardown")

    ctl("membership", "1")
    gw.update(ALLOW, a.source, a.group)
    c.flows(gw, "data before the membership ends")
    end = time.monotonic() + 5
    while status()["endpoints"] and time.monotonic() < end:
        time.sleep(0.05)
    c.check(status()["expired"] == 1, "a membership not reported again ends")
    return 1 if c.failed else 0


if __name__ == "__main__":
    sys.exit(main())
