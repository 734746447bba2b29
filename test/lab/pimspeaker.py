#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted PIM neighbor (RFC 7761, IPv4): says Hello while it runs, and on standard input takes

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
"heard hello A HOLDTIME", "heard join A S G", "heard prune A S G", "heard assert A S G RPT PREF METRIC".
Sends from an address that the interface has, so that it can stand beside a real router.
"""
import argparse
import select
import socket
import struct
import sys
import time

ALL_PIM_ROUTERS = "224.0.0.13"
MAX_MESSAGE = 1400


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Speaker:
    def __init__(self, args):
        self.args = args
        self.holdtime = args.holdtime
        self.genid = args.genid
        self.priority = 1
        self.delays = (500, 2500)
        self.secondaries = []
        self.muted = False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 103)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.interface.encode())
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        self.sock.bind((args.source, 0))
        mreq = socket.inet_aton(args.source)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreq)
        # A bound socket hears its own address only.
        self.ears = socket.socket(socket.AF_INET, socket.SOCK_RAW, 103)
        self.ears.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.interface.encode())
        self.ears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                             socket.inet_aton(ALL_PIM_ROUTERS) + mreq)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.interface.encode())
        self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreq)
        self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)

    def send(self, kind, body):
        message = bytes([0x20 | kind, 0, 0, 0]) + body
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        self.sock.sendto(message, (ALL_PIM_ROUTERS, 0))

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
            body += struct.pack("!HH", 24, 6 * len(self.secondaries))
            body += b"".join(b"\1\0" + socket.inet_aton(a) for a in self.secondaries)
        self.send(0, body)

    def assert_(self, source, group, preference, metric):
        self.send(5, b"\1\0\0\x20" + socket.inet_aton(group) + b"\1\0" + socket.inet_aton(source)
                  + struct.pack("!II", preference, metric))

    def data(self, source, group, count, gap_ms=10):
        payload = b"another forwarder's"
        udp = struct.pack("!HHHH", 5001, 5001, 8 + len(payload), 0) + payload
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 16, 17, 0)
        header += socket.inet_aton(source) + socket.inet_aton(group)
        for _ in range(count):
            self.raw.sendto(header + udp, (group, 0))
            time.sleep(gap_ms / 1000)

    def hear(self):
        packet, (sender, _) = self.ears.recvfrom(65536)
        pim = packet[(packet[0] & 15) * 4:]
        if sender == self.args.source or len(pim) < 4 or checksum(pim) != 0:
            return
        kind, address = pim[0] & 15, socket.inet_ntoa
        if kind == 0:
            print("heard hello", sender, struct.unpack("!H", pim[8:10])[0], flush=True)
        elif kind == 5:
            preference, metric = struct.unpack("!II", pim[18:26])
            print("heard assert", sender, address(pim[14:18]), address(pim[8:12]), preference >> 31,
                  preference & 0x7FFFFFFF, metric, flush=True)
        elif kind == 3:
            at = 14
            for _ in range(pim[11]):
                group = address(pim[at + 4:at + 8])
                joins, prunes = struct.unpack("!HH", pim[at + 8:at + 12])
                at += 12
                for i in range(joins + prunes):
                    print("heard", "join" if i < joins else "prune", sender,
                          address(pim[at + 4:at + 8]), group, flush=True)
                    at += 8

    def join_prune(self, channels, join):
        groups = {}
        for source, group in channels:
            groups.setdefault(group, []).append(source)
        sets = []
        for group, sources in groups.items():
            counts = (len(sources), 0) if join else (0, len(sources))
            entry = b"\1\0\0\x20" + socket.inet_aton(group) + struct.pack("!HH", *counts)
            entry += b"".join(b"\1\0\4\x20" + socket.inet_aton(s) for s in sources)
            sets.append(entry)
        self.send(3, b"\1\0" + socket.inet_aton(self.args.upstream)
                  + struct.pack("!BBH", 0, len(sets), self.holdtime) + b"".join(sets))

    def join_prune_packed(self, channels, join):
        batch, size, groups = [], 0, set()
        for source, group in channels:
            need = 8 + (0 if group in groups else 12)
            if batch and (size + need > MAX_MESSAGE or len(groups) == 255):
                self.join_prune(batch, join)
                batch, size, groups, need = [], 0, set(), 20
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
