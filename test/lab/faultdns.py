#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted DNS server for 100.51.198.in-addr.arpa. that answers each name as it is told to, over UDP and TCP.

usage: faultdns.py ADDRESS OTHER-ADDRESS RELAY [HOST=KIND...]

A query for HOST.100.51.198.in-addr.arpa. is answered by its kind, one without is NXDOMAIN. Forged answers
"from elsewhere" come from OTHER-ADDRESS; they, and no other, name the relay 203.0.113.66. Standard input takes
"set HOST KIND" and answers "done set HOST KIND"; each query is told as "query HOST TYPE KIND udp|tcp".

good  good@A    RELAY, or A                     many            200 relays, the good one among them
forged          wrong ID, question, QR, port, source: no true answer
forged-first    what who does not see the query can forge, wrong ID, port or source, and then the true one
truncated       TC over UDP, the answer over TCP
cut             the answer, half of it          garbage         an ID, and noise
servfail refused nxdomain empty                 silent          nothing
loop            a CNAME to itself by way of another
ttl0            RELAY, TTL 0                    no-address      a relay's name that has no address
ours bogon multicast                            no-relay        type 0
"""
import random
import select
import socket
import struct
import sys

from badinput import ipv4, udp

ZONE = "100.51.198.in-addr.arpa."
AMTRELAY, CNAME, SOA = 260, 5, 6
EVIL = "203.0.113.66"


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.rstrip(".").split(".")) + b"\0"


def record(owner, kind, ttl, rdata):
    return name(owner) + struct.pack("!HHIH", kind, 1, ttl, len(rdata)) + rdata


def relay_record(owner, address, ttl=30, precedence=10):
    return record(owner, AMTRELAY, ttl, bytes([precedence, 1]) + socket.inet_aton(address))


def soa():
    return record(ZONE, SOA, 5, name("ns.lab.test.") + name("hostmaster.lab.test.")
                  + struct.pack("!5I", 1, 3600, 600, 86400, 5))


def message(query, answers=(), rcode=0, flags=0x8580, authority=()):
    """An answer to a query: its ID and question."""
    ident, question = query[:2], question_of(query)
    return (ident + struct.pack("!5H", flags | rcode, 1, len(answers), len(authority), 0) + question
            + b"".join(answers) + b"".join(authority))


def question_of(query):
    at = 12
    while query[at]:
        at += 1 + query[at]
    return query[12:at + 5]


def asked(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels).lower() + ".", struct.unpack("!H", query[at + 1:at + 3])[0]


class Server:
    def __init__(self, address, other, relay, kinds):
        self.address, self.other, self.relay, self.kinds = address, other, relay, kinds
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, 53))
        self.tcp.listen(16)
        self.clients = {}
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.rng = random.Random(53)

    def answer(self, query, kind, over_tcp):
        """The messages that come over UDP or TCP from the right place."""
        owner, rrtype = asked(query)
        kind, _, relay = kind.partition("@")
        good = message(query, [relay_record(owner, relay or self.relay)])
        one = {
            "ours": "192.0.2.2", "bogon": "127.0.0.1", "multicast": "224.0.0.1",
        }.get(kind)
        if rrtype == SOA and owner == ZONE:
            return message(query, [soa()])
        if rrtype != AMTRELAY:
            return message(query, authority=[soa()])
        if one:
            return message(query, [relay_record(owner, one)])
        if kind == "truncated":
            return good if over_tcp else message(query, flags=0x8780)
        if kind == "many":
            relays = ["203.0.113.%d" % (55 + i % 200) for i in range(199)]
            answers = [relay_record(owner, a, precedence=20) for a in relays] + [relay_record(owner, self.relay)]
            return message(query, answers) if over_tcp else message(query, flags=0x8780)
        if kind == "cut":
            return good[:len(good) // 2]
        if kind == "garbage":
            return query[:2] + bytes(self.rng.randrange(256) for _ in range(60))
        if kind in ("servfail", "refused"):
            return message(query, rcode={"servfail": 2, "refused": 5}[kind])
        if kind == "empty":
            return message(query, authority=[soa()])
        if kind == "loop":
            other = "loop." + owner if not owner.startswith("loop.") else owner[5:]
            return message(query, [record(owner, CNAME, 30, name(other))])
        if kind == "ttl0":
            return message(query, [relay_record(owner, self.relay, ttl=0)])
        if kind == "no-address":
            return message(query, [record(owner, AMTRELAY, 30, b"\x0a\x03" + name("nowhere." + ZONE))])
        if kind == "no-relay":
            return message(query, [record(owner, AMTRELAY, 30, b"\x0a\0")])
        if kind in ("good", "forged-first"):
            return good
        return message(query, rcode=3, authority=[soa()])

    def forge(self, query, to, seen):
        owner, _ = asked(query)
        evil = message(query, [relay_record(owner, EVIL)])
        wrong_id = bytes([query[0] ^ 0x55, query[1] ^ 0xAA])
        other_question = name("99." + ZONE) + question_of(query)[-4:]
        self.udp.sendto(wrong_id + evil[2:], to)
        if seen:
            self.udp.sendto(evil[:12] + other_question + relay_record("99." + ZONE, EVIL), to)
            self.udp.sendto(evil[:2] + struct.pack("!H", 0x0580) + evil[4:], to)  # QR is 0
        for src, sport in ((self.address, 5353), (self.other, 53)):
            self.raw.sendto(ipv4(src, to[0], 17, udp(src, to[0], sport, to[1], evil)), (to[0], 0))

    def kind_of(self, query):
        owner, _ = asked(query)
        host = owner[:-len(ZONE) - 1].split(".")[-1] if owner.endswith("." + ZONE) else ""
        return host, self.kinds.get(host, "nxdomain")

    def take(self, query, to=None, client=None):
        if len(query) < 17:
            return
        host, kind = self.kind_of(query)
        print("query", host or "-", asked(query)[1], kind, "tcp" if client else "udp", flush=True)
        if kind == "silent":
            return
        if client:
            reply = self.answer(query, kind, True)
            client.sendall(struct.pack("!H", len(reply)) + reply)
            return
        if kind.startswith("forged"):
            self.forge(query, to, kind == "forged")
        if kind != "forged":
            self.udp.sendto(self.answer(query, kind, False), to)

    def read_tcp(self, client):
        data = client.recv(4096)
        if not data:
            del self.clients[client]
            client.close()
            return
        self.clients[client] += data
        while len(self.clients[client]) > 2:
            size = struct.unpack("!H", self.clients[client][:2])[0]
            if len(self.clients[client]) < 2 + size:
                return
            query, self.clients[client] = self.clients[client][2:2 + size], self.clients[client][2 + size:]
            self.take(query, client=client)

    def command(self, words):
        if words[0] == "set":
            self.kinds[words[1]] = words[2]
        print("done", *words, flush=True)

    def run(self):
        while True:
            readable, _, _ = select.select([self.udp, self.tcp, sys.stdin, *self.clients], [], [])
            for sock in readable:
                try:
                    if sock is self.udp:
                        query, sender = self.udp.recvfrom(65536)
                        self.take(query, to=sender)
                    elif sock is self.tcp:
                        self.clients[self.tcp.accept()[0]] = b""
                    elif sock is sys.stdin:
                        line = sys.stdin.readline()
                        if not line:
                            return
                        if line.split():
                            self.command(line.split())
                    else:
                        self.read_tcp(sock)
                except (OSError, IndexError) as problem:
                    if sock in self.clients:
                        del self.clients[sock]
                    print("error", problem, flush=True)


if __name__ == "__main__":
    Server(*sys.argv[1:4], dict(word.split("=") for word in sys.argv[4:])).run()
