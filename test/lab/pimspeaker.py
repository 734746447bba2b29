#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted PIM neighbor (RFC 7761), of the family of its source: says Hello while it runs, and on
standard input takes

    join S G [S G ...]      one Join/Prune message, holdtime as set
    prune S G [S G ...]
    joinfile FILE           "S G" lines, in as few messages as fit (and prunefile)
    each join|prune FILE    the same, one message a channel
    holdtime N              of the Joins that follow
    hello [HOLDTIME]        a Hello now; 0 is Goodbye
    genid N                 of the Hellos that follow
    priority N|none         DR Priority of the Hellos that follow
    delays MS MS|none       LAN Prune Delay of the Hellos that follow
    secondaries [A ...]     Address List of the Hellos that follow
    assert S G PREF METRIC  an Assert
    cancel S G              an AssertCancel
    data S G N [MS]         as a forwarder would: N packets of a channel, MS apart (10)
    mute                    no more Hellos
    quit                    ends without Goodbye, as end of input does

and answers "done COMMAND" when it is on the wire. What other routers say is told as it comes:
"heard hello A HOLDTIME", "heard secondary A ADDRESS" for each of its Address List, "heard join A S G",
"heard prune A S G", "heard assert A S G RPT PREF METRIC".
Sends from an address that the interface has, so that it can stand beside a real router.
"""
import argparse
import select
import socket
import struct
import sys
import time

MAX_MESSAGE = 1400
PIM = 103


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """What differs between the families: addresses in messages, the checksum, sockets."""

    def __init__(self, interface, source):
        self.v6 = ":" in source
        self.family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self.all_routers = "ff02::d" if self.v6 else "224.0.0.13"
        self.index = socket.if_nametoindex(interface)
        self.device = interface.encode()
        self.source = source
        self.size = 16 if self.v6 else 4
        self.code = 2 if self.v6 else 1

    def packed(self, address):
        return socket.inet_pton(self.family, address)

    def text(self, octets):
        return socket.inet_ntop(self.family, octets)

    def unicast(self, address):
        return bytes([self.code, 0]) + self.packed(address)

    def masked(self, address, flags):
        return bytes([self.code, 0, flags, 8 * self.size]) + self.packed(address)

    def pseudo(self, source, length):
        if not self.v6:
            return b""
        return self.packed(source) + self.packed(self.all_routers) + struct.pack("!IHBB", length, 0, 0, PIM)

    def at(self, address):
        return (address, 0, 0, self.index) if self.v6 else (address, 0)

    def socket(self, protocol):
        sock = socket.socket(self.family, socket.SOCK_RAW, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device)
        if self.v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xC0)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, self.packed(self.source))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        return sock

    def listen(self, sock):
        if self.v6:
            group = self.packed(self.all_routers) + struct.pack("@I", self.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        else:
            group = self.packed(self.all_routers) + self.packed(self.source)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)

    def received(self, sock):
        """The sender and the PIM message; IPv6 sockets give it without the IP header."""
        packet, address = sock.recvfrom(65536)
        return address[0].split("%")[0], packet if self.v6 else packet[(packet[0] & 15) * 4:]

    def datagram(self, source, group, payload):
        """UDP to a channel, the TTL as of a forwarder. Nobody looks at the UDP checksum."""
        udp = struct.pack("!HHHH", 5001, 5001, 8 + len(payload), 0) + payload
        if self.v6:
            header = struct.pack("!IHBB", 6 << 28, len(udp), 17, 16)
        else:
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 16, 17, 0)
        return header + self.packed(source) + self.packed(group) + udp


class Speaker:
    def __init__(self, args):
        self.args = args
        self.holdtime = args.holdtime
        self.genid = args.genid
        self.priority = 1
        self.delays = (500, 2500)
        self.secondaries = []
        self.muted = False
        self.wire = Wire(args.interface, args.source)
        self.sock = self.wire.socket(PIM)
        self.sock.bind(self.wire.at(args.source))
        # A bound socket hears its own address only.
        self.ears = self.wire.socket(PIM)
        self.wire.listen(self.ears)
        self.raw = self.wire.socket(socket.IPPROTO_RAW)

    def send(self, kind, body):
        message = bytes([0x20 | kind, 0, 0, 0]) + body
        total = checksum(self.wire.pseudo(self.args.source, len(message)) + message)
        message = message[:2] + struct.pack("!H", total) + message[4:]
        self.sock.sendto(message, self.wire.at(self.wire.all_routers))

    def hello(self, holdtime=None):
        if holdtime is None:
            holdtime = self.args.hello_holdtime
        body = struct.pack("!HHH", 1, 2, holdtime)
        if self.delays:
            body += struct.pack("!HHHH", 2, 4, *self.delays)
        if self.priority is not None:
            body += struct.pack("!HHI", 19, 4, self.priority)
        body += struct.pack("!HHI", 20, 4, self.genid)
        if self.secondaries:
            addresses = b"".join(self.wire.unicast(a) for a in self.secondaries)
            body += struct.pack("!HH", 24, len(addresses)) + addresses
        self.send(0, body)

    def assert_(self, source, group, preference, metric):
        self.send(5, self.wire.masked(group, 0) + self.wire.unicast(source)
                  + struct.pack("!II", preference, metric))

    def data(self, source, group, count, gap_ms=10):
        packet = self.wire.datagram(source, group, b"another forwarder's")
        for _ in range(count):
            self.raw.sendto(packet, self.wire.at(group))
            time.sleep(gap_ms / 1000)

    def hear(self):
        wire, size = self.wire, self.wire.size
        sender, pim = wire.received(self.ears)
        if sender == self.args.source or len(pim) < 4 or checksum(wire.pseudo(sender, len(pim)) + pim) != 0:
            return
        kind = pim[0] & 15
        if kind == 0:
            print("heard hello", sender, struct.unpack("!H", pim[8:10])[0], flush=True)
            self.hear_secondaries(sender, pim)
        elif kind == 5:
            group, source = pim[8:8 + size], pim[10 + size:10 + 2 * size]
            preference, metric = struct.unpack("!II", pim[10 + 2 * size:18 + 2 * size])
            print("heard assert", sender, wire.text(source), wire.text(group), preference >> 31,
                  preference & 0x7FFFFFFF, metric, flush=True)
        elif kind == 3:
            at = 10 + size
            for _ in range(pim[7 + size]):
                group = wire.text(pim[at + 4:at + 4 + size])
                joins, prunes = struct.unpack("!HH", pim[at + 4 + size:at + 8 + size])
                at += 8 + size
                for i in range(joins + prunes):
                    print("heard", "join" if i < joins else "prune", sender,
                          wire.text(pim[at + 4:at + 4 + size]), group, flush=True)
                    at += 4 + size

    def hear_secondaries(self, sender, pim):
        at = 4
        while at + 4 <= len(pim):
            option, length = struct.unpack("!HH", pim[at:at + 4])
            value = pim[at + 4:at + 4 + length]
            at += 4 + length
            while option == 24 and len(value) >= 2 + self.wire.size:
                print("heard secondary", sender, self.wire.text(value[2:2 + self.wire.size]), flush=True)
                value = value[2 + self.wire.size:]

    def join_prune(self, channels, join):
        groups = {}
        for source, group in channels:
            groups.setdefault(group, []).append(source)
        sets = []
        for group, sources in groups.items():
            counts = (len(sources), 0) if join else (0, len(sources))
            entry = self.wire.masked(group, 0) + struct.pack("!HH", *counts)
            entry += b"".join(self.wire.masked(s, 4) for s in sources)
            sets.append(entry)
        self.send(3, self.wire.unicast(self.args.upstream)
                  + struct.pack("!BBH", 0, len(sets), self.holdtime) + b"".join(sets))

    def join_prune_packed(self, channels, join):
        batch, size, groups = [], 0, set()
        for source, group in channels:
            need = 4 + self.wire.size + (0 if group in groups else 8 + self.wire.size)
            if batch and (size + need > MAX_MESSAGE or len(groups) == 255):
                self.join_prune(batch, join)
                batch, size, groups, need = [], 0, set(), 12 + 2 * self.wire.size
            batch.append((source, group))
            groups.add(group)
            size += need
        if batch:
            self.join_prune(batch, join)

    def command(self, words):
        verb, rest = words[0], words[1:]
        if verb in ("join", "prune"):
            self.join_prune(list(zip(rest[0::2], rest[1::2])), verb == "join")
        elif verb in ("joinfile", "prunefile"):
            self.join_prune_packed(read_channels(rest[0]), verb == "joinfile")
        elif verb == "each":
            for channel in read_channels(rest[1]):
                self.join_prune([channel], rest[0] == "join")
        elif verb == "holdtime":
            self.holdtime = int(rest[0])
        elif verb == "genid":
            self.genid = int(rest[0], 0)
        elif verb == "priority":
            self.priority = None if rest[0] == "none" else int(rest[0])
        elif verb == "delays":
            self.delays = None if rest[0] == "none" else tuple(map(int, rest))
        elif verb == "secondaries":
            self.secondaries = rest
        elif verb == "assert":
            self.assert_(rest[0], rest[1], int(rest[2]), int(rest[3]))
        elif verb == "cancel":
            self.assert_(rest[0], rest[1], 0xFFFFFFFF, 0xFFFFFFFF)
        elif verb == "data":
            self.data(rest[0], rest[1], int(rest[2]), *map(int, rest[3:]))
        elif verb == "mute":
            self.muted = True
        elif verb == "hello":
            self.hello(int(rest[0]) if rest else None)
        else:
            raise ValueError("no command " + verb)


def read_channels(path):
    with open(path, encoding="ascii") as file:
        return [tuple(line.split()[:2]) for line in file if line.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--source", required=True, help="our address on the interface")
    parser.add_argument("--upstream", required=True, help="the upstream neighbor Joins name")
    parser.add_argument("--holdtime", type=int, default=210)
    parser.add_argument("--hello-holdtime", type=int, default=105)
    parser.add_argument("--hello-interval", type=float, default=10)
    parser.add_argument("--genid", type=lambda text: int(text, 0), default=0x5EED0001)
    args = parser.parse_args()
    speaker = Speaker(args)
    next_hello = 0
    while True:
        now = time.monotonic()
        if now >= next_hello:
            if not speaker.muted:
                speaker.hello()
            next_hello = now + args.hello_interval
        readable, _, _ = select.select([sys.stdin, speaker.ears], [], [],
                                       next_hello - now if next_hello > now else 0)
        if speaker.ears in readable:
            speaker.hear()
        if sys.stdin not in readable:
            continue
        line = sys.stdin.readline()
        words = line.split()
        if not line or words[:1] == ["quit"]:
            return
        if words:
            speaker.command(words)
            print("done", " ".join(words), flush=True)


if __name__ == "__main__":
    main()
