#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted PIM neighbor (RFC 7761, IPv4): says Hello while it runs, and on standard input takes

    join S G [S G ...]      one Join/Prune message, holdtime as set
    prune S G [S G ...]
    joinfile FILE           "S G" lines, in as few messages as fit (and prunefile)
    each join|prune FILE    the same, one message a channel
    holdtime N              of the Joins that follow
    hello [HOLDTIME]        a Hello now; 0 is Goodbye
    quit                    ends without Goodbye, as end of input does

and answers "done COMMAND" when it is on the wire. Sends from an address that the interface has, so
that it can stand beside a real router.
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
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 103)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.interface.encode())
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0xC0)
        self.sock.bind((args.source, 0))
        mreq = socket.inet_aton(args.source)
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreq)

    def send(self, kind, body):
        message = bytes([0x20 | kind, 0, 0, 0]) + body
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        self.sock.sendto(message, (ALL_PIM_ROUTERS, 0))

    def hello(self, holdtime=None):
        if holdtime is None:
            holdtime = self.args.hello_holdtime
        self.send(0, struct.pack("!HHH", 1, 2, holdtime)
                  + struct.pack("!HHHH", 2, 4, 500, 2500)
                  + struct.pack("!HHI", 19, 4, 1)
                  + struct.pack("!HHI", 20, 4, self.args.genid))

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
            speaker.hello()
            next_hello = now + args.hello_interval
        readable, _, _ = select.select([sys.stdin], [], [], next_hello - now if next_hello > now else 0)
        if not readable:
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
