#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted AMT relay (RFC 7450) that says what it is told to, good and bad.

usage: faultrelay.py OTHER-ADDRESS ADDRESS...

Answers Discovery and Requests at each ADDRESS, port 2268; what is to come "from the wrong address" comes from
OTHER-ADDRESS. Standard input takes

    discovery KIND...       what the next Discovery is answered with, in this order
    request KIND...         what the next Request is answered with
    data KIND N             N data packets for the channel that was first joined, to its gateway's port

and "good" is one of the kinds; later messages are answered with "good" alone. Each command is answered with
"done COMMAND". What comes in is told: "discovery", "request", "update S G", "teardown"; and "sent KIND"
when a reply is on the wire. The channel that was first joined has a good packet a second.
"""
import select
import socket
import struct
import sys
import time

from badinput import checksum, ipv4, udp

PORT = 2268
ALERT = b"\x94\x04\0\0"
HEADER = 12  # of a Query, to its inner datagram
MAC = b"\x0a\x0b\x0c\x0d\x0e\x0f"


def igmp_query(group="0.0.0.0", version=3, bad=False):
    body = b"\x11\x01\0\0" + socket.inet_aton(group)
    if version == 3:
        body += struct.pack("!BBH", 2, 125, 0)
    value = checksum(body) ^ (0x1111 if bad else 0)
    return body[:2] + struct.pack("!H", value) + body[4:]


def inner(igmp, alert=True, source="0.0.0.0", over=0):
    """The query's own IPv4 header, with Router Alert as RFC 3376 section 4 has it."""
    size = 20 + 4 * alert
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | size // 4, 0xC0, size + len(igmp) + over, 0, 0, 1, 2, 0,
                       socket.inet_aton(source), socket.inet_aton("224.0.0.1")) + (ALERT if alert else b"")
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + igmp


def mld_query():
    body = struct.pack("!BBHHH16sBBH", 130, 0, 0, 1000, 0, bytes(16), 2, 125, 0)
    src, dst = socket.inet_pton(socket.AF_INET6, "fe80::1"), socket.inet_pton(socket.AF_INET6, "ff02::1")
    options = b"\x3a\0\x05\x02\0\0\x01\0"
    value = checksum(src + dst + struct.pack("!IHBB", len(body), 0, 0, 58) + body)
    body = body[:2] + struct.pack("!H", value) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(options) + len(body), 0, 1) + src + dst + options + body


def query(nonce, kind):
    """A Membership Query's UDP payload."""
    data = {
        "checksum": lambda: inner(igmp_query(bad=True)),
        "no-alert": lambda: inner(igmp_query(), alert=False),
        "group": lambda: inner(igmp_query(group="232.1.1.1")),
        "igmpv2": lambda: inner(igmp_query(version=2)),
        "mld": mld_query,
        "overrun": lambda: inner(igmp_query(), over=40),
        "ip-checksum": lambda: bad_header(inner(igmp_query())),
    }.get(kind, lambda: inner(igmp_query()))()
    flags = {"full": 2, "no-gateway": 1}.get(kind, 0)
    if kind == "no-gateway":  # G says that 18 octets follow, and 10 are there in all
        data = data[:10]
    first = {"version": 0x14, "type": 0x0A, "own-type": 0x03}.get(kind, 4)
    if kind == "nonce":
        nonce ^= 0x5A5A5A5A
    return struct.pack("!BB", first, flags) + MAC + struct.pack("!I", nonce) + data


def bad_header(packet):
    return packet[:10] + struct.pack("!H", struct.unpack("!H", packet[10:12])[0] ^ 0x0101) + packet[12:]


def udp_socket(address, port=PORT):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


class Relay:
    def __init__(self, other, addresses):
        self.socks = [udp_socket(address) for address in addresses]
        self.other = udp_socket(other)
        self.other_ports = {address: udp_socket(address, PORT + 1) for address in addresses}
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.plan = {"discovery": [], "request": []}
        self.stream = None  # socket, gateway, channel

    def reply(self, sock, to, kind, message):
        """Some kinds are in how a message is sent, not in it."""
        address = sock.getsockname()[0]
        packet = udp(address, to[0], PORT, to[1], message)
        if kind == "address":
            self.other.sendto(message, to)
        elif kind == "port":
            self.other_ports[address].sendto(message, to)
        elif kind == "empty":
            sock.sendto(b"", to)
        elif kind == "udp-checksum":
            wrong = struct.unpack("!H", packet[6:8])[0] ^ 0x0101 or 1
            self.raw.sendto(ipv4(address, to[0], 17, packet[:6] + struct.pack("!H", wrong) + packet[8:]), (to[0], 0))
        elif kind == "udp-checksum-0":
            self.raw.sendto(ipv4(address, to[0], 17, packet[:6] + b"\0\0" + packet[8:]), (to[0], 0))
        else:
            sock.sendto(message, to)

    def advertise(self, sock, to, nonce, kind):
        relay = {"family": bytes.fromhex("20010db8") + bytes(11) + b"\x01", "length": b"\1\2\3\4\5",
                 "bogon": socket.inet_aton("127.0.0.1"), "multicast": socket.inet_aton("224.1.2.3"),
                 "ours": socket.inet_aton(to[0])}.get(kind, socket.inet_aton(sock.getsockname()[0]))
        first = {"version": 0x12, "type": 0x0F}.get(kind, 2)
        if kind == "nonce":
            nonce ^= 0x5A5A5A5A
        self.reply(sock, to, kind, struct.pack("!BBHI", first, 0, 0, nonce) + relay)

    def ask(self, sock, to, nonce, kind):
        if kind == "wait":  # what comes after it is not to overtake what was before
            time.sleep(0.5)
            return
        if kind.startswith("cut-"):  # in the AMT header, at each length; or behind it
            whole = query(nonce, "good")
            for size in range(1, HEADER) if kind == "cut-header" else range(HEADER, len(whole)):
                sock.sendto(whole[:size], to)
            return
        times, _, name = kind.rpartition("*")
        for _ in range(int(times or 1)):
            self.reply(sock, to, name, query(nonce, name))

    def answer(self, what, sock, to, nonce):
        print(what, flush=True)
        kinds, self.plan[what] = self.plan[what] or ["good"], []
        for kind in kinds:
            (self.ask if kind == "wait" else self.advertise if what == "discovery" else self.ask)(sock, to, nonce, kind)
            print("sent", kind, flush=True)

    def hear(self, sock):
        message, sender = sock.recvfrom(65536)
        if len(message) < 8:
            return
        kind, nonce = message[0], struct.unpack("!I", message[4:8])[0]
        if kind == 1:
            self.answer("discovery", sock, sender, nonce)
        elif kind == 3:
            self.answer("request", sock, sender, nonce)
        elif kind == 7:
            print("teardown", flush=True)
        elif kind == 5:
            self.update(sock, message[12:], sender)

    def update(self, sock, packet, sender):
        """The first source of the first record."""
        report = packet[4 * (packet[0] & 15):]
        if len(report) < 20 or report[0] != 0x22:
            return
        channel = socket.inet_ntoa(report[16:20]), socket.inet_ntoa(report[12:16])
        self.stream = self.stream or (sock, sender, channel)
        print("update", *channel, flush=True)

    def data(self, kind, count):
        """For the last channel that was joined; what is wrong with it is in its inner datagram, or around it."""
        if not self.stream:
            return
        sock, gateway, (source, group) = self.stream
        if kind == "replayed":
            gateway = gateway[0], gateway[1] ^ 0x4000  # where nobody listens
        source = {"source": "198.51.100.99", "source-multicast": "232.1.2.3"}.get(kind, source)
        group = {"group": "232.99.99.99", "unicast": "192.0.2.200", "link-local": "224.0.0.99"}.get(kind, group)
        payload = struct.pack("!HHHH", 5001, 5001, 40, 0) + b"what a relay passed on".ljust(32)
        inside = ipv4(source, group, 17, payload, 0, {"ttl-0": 0, "ttl-1": 1}.get(kind, 16),
                      20 + len(payload) + 40 if kind == "overrun" else None)
        if kind == "ip-checksum":
            inside = bad_header(inside)
        elif kind in ("ip-version", "ip-header"):
            inside = bytes([{"ip-version": 0x55, "ip-header": 0x44}[kind]]) + inside[1:]
        elif kind == "source-route":  # one LSRR of three octets and the end of the list
            head = b"\x46" + inside[1:2] + struct.pack("!H", 24 + len(payload)) + inside[4:10] + b"\0\0"
            head += inside[12:20] + b"\x83\x03\x04\0"
            inside = head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
        elif kind == "short":
            inside = inside[:10]
        message = (b"\x16\0" if kind == "version" else b"\x06\0") + inside
        if kind.startswith("cut-"):  # before the inner header is whole, at each length; or behind it
            for size in range(1, 22) if kind == "cut-header" else range(22, len(message)):
                sock.sendto(message[:size], gateway)
            return
        for _ in range(count):
            self.reply(sock, gateway, kind, message)

    def command(self, words):
        if words[0] == "data":
            self.data(words[1], int(words[2]))
        else:
            self.plan[words[0]] = words[1:]

    def run(self):
        due = time.monotonic()
        while True:
            wait = due - time.monotonic()
            readable, _, _ = select.select([*self.socks, sys.stdin], [], [], max(0, wait))
            if wait <= 0:
                self.data("good", 1)
                due = time.monotonic() + 1
            for sock in readable:
                if sock is not sys.stdin:
                    self.hear(sock)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                if line.split():
                    self.command(line.split())
                    print("done", line.strip(), flush=True)


if __name__ == "__main__":
    Relay(sys.argv[1], sys.argv[2:]).run()
