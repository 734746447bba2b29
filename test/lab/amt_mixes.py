#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A small AMT gateway for both families, outer and inner, to check a relay with: relay_smoke.sh runs it
in the gateway's network namespace, and once as the source (--send). Prints TAP; standard library only."""
import argparse
import ipaddress
import os
import socket
import struct
import sys
import time

PORT = 2268


def packed(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def filled(body, at, pseudo=b""):
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


def report(kind, source, group):
    """An IGMPv3 or MLDv2 report with one record of one source."""
    record = struct.pack("!BBH", kind, 0, 1) + packed(group) + packed(source)
    if ":" not in group:
        body = filled(struct.pack("!BBHHH", 0x22, 0, 0, 0, 1) + record, 2)
        head = struct.pack("!BBHHHBBH", 0x46, 0xC0, 24 + len(body), 0, 0, 1, 2, 0) + bytes(4)
        return filled(head + packed("224.0.0.22") + b"\x94\x04\0\0", 10) + body
    ends = packed("fe80::99") + packed("ff02::16")
    body = struct.pack("!BBHHH", 143, 0, 0, 0, 1) + record
    body = filled(body, 2, ends + struct.pack("!II", len(body), 58))
    return (struct.pack("!IHBB", 0x60000000, 8 + len(body), 0, 1) + ends
            + bytes.fromhex("3a00050200000100") + body)


class Gateway:
    def __init__(self, relay):
        self.sock = socket.socket(socket.AF_INET6 if ":" in relay else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((relay, PORT))
        self.sock.settimeout(2)

    def receive(self, kind, inner=0):
        """The next message of this type whose datagram is of this IP version (0: any), or None."""
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                msg = self.sock.recv(65535)
            except (socket.timeout, ConnectionRefusedError):
                return None
            if msg[0] == kind and inner in (0, msg[2] >> 4):
                return msg
        return None

    def ask(self, kind, flags=0):
        nonce = os.urandom(4)
        self.sock.send(bytes((kind, flags, 0, 0)) + nonce)
        msg = self.receive(kind + 1)
        return msg if msg and nonce in (msg[4:8], msg[8:12]) else None


def send(a):
    """A packet of 100 octets and one of 1420 to each group, fifty times a second."""
    socks = []
    for source, group in zip(a.source, a.group):
        family = socket.AF_INET6 if ":" in group else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((source, 0))
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(a.send))
        else:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        socks.append((s, group))
    while True:
        for s, group in socks:
            s.sendto(bytes(100), (group, 5001))
            try:
                s.sendto(bytes(1420), (group, 5001))
            except OSError:  # the kernel has learnt the smaller MTU
                pass
        time.sleep(0.02)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--relay", action="append", default=[])
    p.add_argument("--source", action="append", required=True)
    p.add_argument("--group", action="append", required=True)
    p.add_argument("--send", metavar="IF")
    a = p.parse_args()
    if a.send:
        return send(a)
    n = failed = 0

    def check(ok, name):
        nonlocal n, failed
        n += 1
        failed += not ok
        print("%s %d - %s" % ("ok" if ok else "not ok", n, name), flush=True)

    for relay in a.relay:
        outer = "IPv6" if ":" in relay else "IPv4"
        gw = Gateway(relay)
        adv = gw.ask(1)
        check(adv is not None and adv[8:] == packed(relay), "%s Advertisement" % outer)
        for source, group in zip(a.source, a.group):
            v6 = ":" in group
            name = "IPv6 in " + outer if v6 else "IPv4 in " + outer
            query = gw.ask(3, 1 if v6 else 0)
            inner = query[12:-18] if query else b""
            check(inner and inner[0] >> 4 == (6 if v6 else 4)
                  and inner[48 if v6 else 24] == (130 if v6 else 0x11), name + ": the Query asked for")
            me = gw.sock.getsockname()
            seen = packed(me[0]).rjust(16, b"\0")
            check(query[-18:] == struct.pack("!H", me[1]) + seen, name + ": our endpoint in it")
            update = b"\5\0" + query[2:12] + report(5, source, group)
            gw.sock.send(update[:2] + bytes(6) + update[8:])
            check(gw.receive(6, 6 if v6 else 4) is None, name + ": a wrong MAC is ignored")
            gw.sock.send(update)
            msg = gw.receive(6, 6 if v6 else 4)
            at = 8 if v6 else 12
            check(msg is not None and packed(source) == msg[2 + at:2 + at + len(packed(source))],
                  name + ": data")
            gw.sock.send(b"\5\0" + query[2:12] + report(6, source, group))
            time.sleep(0.2)
            gw.sock.setblocking(False)
            try:
                while True:
                    gw.sock.recv(65535)
            except BlockingIOError:
                gw.sock.settimeout(2)
            check(gw.receive(6, 6 if v6 else 4) is None, name + ": BLOCK ends it")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
