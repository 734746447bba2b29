#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The control path's bad weather: passes frames of one class between two ports of a bridge, with loss,
duplication, reordering, delay and corruption, all from one seed.

usage: lossy.py PORT-A PORT-B CLASS [--seed N] [--loss P] [--duplicate P] [--reorder P] [--corrupt P]
                [--delay-ms FROM TO]              CLASS: amt, dns, pim or igmp; P from 0 to 1

The bridge passes all the rest itself: nftables keeps the class from it, at both ports, before it looks.
PORT-A is the appliance's side. Prints "ready", and what it did as one line of JSON when it is ended.
Test kernels have no netem; this is what of it a lab needs.
"""
import argparse
import heapq
import json
import random
import select
import signal
import socket
import subprocess
import sys
import time

PACKET_OUTGOING = 4
# By nftables, what of each direction is of the class. Data, type 6, comes from the relay's port.
RULES = {
    "amt": (["udp dport 2268"], ["udp sport 2268 @th,64,8 != 6"]),
    "dns": (["udp dport 53"], ["udp sport 53"]),
    "pim": (["ip protocol 103"], ["ip protocol 103"]),
    "igmp": (["ip protocol 2"], ["ip protocol 2"]),
}


def of_class(name, frame, to_a):
    """The same by what is in the frame. None, or where the message begins."""
    if len(frame) < 34 or frame[12:14] != b"\x08\0":
        return None
    proto, at = frame[23], 14 + 4 * (frame[14] & 15)
    if name in ("pim", "igmp"):
        return at if proto == {"pim": 103, "igmp": 2}[name] else None
    if proto != 17 or len(frame) < at + 8:
        return None
    port = int.from_bytes(frame[at:at + 2] if to_a else frame[at + 2:at + 4], "big")
    if port != {"amt": 2268, "dns": 53}[name] or (name == "amt" and to_a and frame[at + 8:at + 9] == b"\x06"):
        return None
    return at + 8


class Weather:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.ports = []
        for name in (args.a, args.b):
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            sock.bind((name, 3))
            self.ports.append(sock)
        self.queue, self.order = [], 0
        self.done = dict.fromkeys(("frames", "lost", "duplicated", "reordered", "corrupted"), 0)

    def nft(self):
        text = "table netdev lossy {}\ndelete table netdev lossy\ntable netdev lossy {\n"
        for name, rules in zip((self.args.a, self.args.b), RULES[self.args.kind]):
            text += " chain c_%s { type filter hook ingress device %s priority 0;\n" % (name, name)
            text += "".join("  %s drop\n" % rule for rule in rules) + " }\n"
        subprocess.run(["nft", "-f", "-"], input=text + "}\n", text=True, check=True)

    def happens(self, what, probability):
        if self.rng.random() >= probability:
            return False
        self.done[what] += 1
        return True

    def take(self, port):
        frame, address = self.ports[port].recvfrom(65536)
        if address[2] == PACKET_OUTGOING:
            return
        at = of_class(self.args.kind, frame, port == 1)
        if at is None:
            return
        args = self.args
        self.done["frames"] += 1
        if self.happens("lost", args.loss):
            return
        copies = 2 if self.happens("duplicated", args.duplicate) else 1
        for _ in range(copies):
            late = self.rng.uniform(*args.delay_ms) / 1000
            if self.happens("reordered", args.reorder):  # what comes within this time overtakes it
                late += 0.05
            out = bytearray(frame)
            if len(out) > at and self.happens("corrupted", args.corrupt):
                out[self.rng.randrange(at, len(out))] ^= 1 << self.rng.randrange(8)
            self.order += 1
            heapq.heappush(self.queue, (time.monotonic() + late, self.order, 1 - port, bytes(out)))

    def pass_on(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            _, _, port, frame = heapq.heappop(self.queue)
            self.ports[port].send(frame)

    def run(self):
        self.nft()
        print("ready", flush=True)
        while True:
            wait = max(0, self.queue[0][0] - time.monotonic()) if self.queue else None
            readable, _, _ = select.select(self.ports, [], [], wait)
            for sock in readable:
                self.take(self.ports.index(sock))
            self.pass_on()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("kind", choices=sorted(RULES))
    parser.add_argument("--seed", type=int, default=1)
    for name in ("loss", "duplicate", "reorder", "corrupt"):
        parser.add_argument("--" + name, type=float, default=0)
    parser.add_argument("--delay-ms", type=float, nargs=2, default=(0, 0))
    weather = Weather(parser.parse_args())

    def end(*_):
        subprocess.run(["nft", "delete", "table", "netdev", "lossy"], check=False)
        print(json.dumps(weather.done), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    weather.run()


if __name__ == "__main__":
    main()
