#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Puts bad messages of PIM, IGMP or MLD on the downstream link, as one of its routers or hosts.

usage: faultlink.py pim INTERFACE KIND [N]          from 10.9.1.7, which says Hello before and Goodbye after
       faultlink.py igmp INTERFACE MAC REASON       what igmphost.py has that is refused for this reason, to the
       faultlink.py mld INTERFACE MAC REASON OUR-ADDRESS   appliance's MAC alone; the same of mldhost.py
       faultlink.py kernel INTERFACE MAC ADDRESS N  N datagrams to a closed port, each from another address

Prints "sent N" at the end.
"""
import socket
import struct
import sys
import time

from badinput import checksum, ipv4

US, ROUTERS, ROUTERS_MAC = "10.9.1.2", "224.0.0.13", bytes.fromhex("01005e00000d")
ROUTER, STRANGER, OFF_LINK = "10.9.1.7", "10.9.1.8", "172.16.9.9"
S, G = "198.51.100.250", "232.8.8.8"


def message(kind, body, version=2):
    data = bytes([version << 4 | kind, 0, 0, 0]) + body
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:]


def option(kind, value, size=None):
    return struct.pack("!HH", kind, len(value) if size is None else size) + value


def hello(holdtime=60, genid=0x1234, extra=b""):
    return message(0, option(1, struct.pack("!H", holdtime)) + option(20, struct.pack("!I", genid)) + extra)


def unicast(address, family=1, encoding=0):
    return bytes([family, encoding]) + socket.inet_aton(address)


def group(address=G, mask=32, family=1, encoding=0):
    return bytes([family, encoding, 0, mask]) + socket.inet_aton(address)


def source(address=S, flags=4, mask=32, family=1, encoding=0):
    return bytes([family, encoding, flags, mask]) + socket.inet_aton(address)


def group_set(joins=(), prunes=(), of=None, counts=None):
    return (of or group()) + struct.pack("!HH", *(counts or (len(joins), len(prunes)))) + b"".join([*joins, *prunes])


def join_prune(*sets, upstream=None, count=None, holdtime=60):
    return message(3, (upstream or unicast(US)) + struct.pack("!BBH", 0, len(sets) if count is None else count, holdtime)
                   + b"".join(sets))


def cuts(whole, least, most):
    """Each truncation between two lengths, with a good checksum if there is room for one."""
    for size in range(least, most):
        cut = whole[:size]
        yield message(cut[0] & 15, cut[4:]) if size >= 4 else cut


def many(count, prunes=False):
    """(S,G) of the same source in groups 232.20.x.y, as many in a message as fit in 1400 octets."""
    for first in range(0, count, 60):
        sets = [group_set(*(((), [source()]) if prunes else ([source()], ())), of=group("232.20.%d.%d" % divmod(i, 250)))
                for i in range(first, min(first + 60, count))]
        yield join_prune(*sets)


JOIN = join_prune(group_set([source()]))
HUNDRED = [source("198.51.100.%d" % i) for i in range(151, 251)]
PIM = {  # kind: messages from a neighbor; (source, message) from others
    "checksum": [JOIN[:2] + struct.pack("!H", checksum(b"no")) + JOIN[4:]],
    "version": [message(3, JOIN[4:], version=1)],
    "type": [message(15, JOIN[4:])],
    "short": [JOIN[:n] for n in (0, 1, 2, 3)],
    "truncated": list(cuts(JOIN, 4, len(JOIN))),
    "hello-zero": [message(0, option(1, b"") + option(20, b"\0\0\0\1"))],
    "hello-overrun": [message(0, option(1, b"\0\x3c", size=0xFFFF)), message(0, option(24, b"\1\0\1\2", size=4))],
    "hello-truncated": list(cuts(hello(), 5, 10)) + list(cuts(hello(), 11, 18)),
    "hello-unknown": [hello(extra=option(4711, b"") + option(65535, bytes(200)))],
    "groups": [join_prune(group_set([source()]), count=255)],
    "sources": [join_prune(group_set([source()], counts=c)) for c in ((65535, 0), (0, 65535), (65535, 65535), (2, 0))],
    "mask": [join_prune(group_set([source()], of=group(mask=m))) for m in (0, 8, 33, 255)]
            + [join_prune(group_set([source(mask=m)])) for m in (0, 33, 255)],
    "asm": [join_prune(group_set([source()], of=group("239.1.1.1")))],
    "family": [join_prune(group_set([source()], of=group(family=9))), join_prune(group_set([source(family=9)])),
               join_prune(group_set([source()]), upstream=unicast(US, family=9))],
    "encoding": [join_prune(group_set([source()], of=group(encoding=7))), join_prune(group_set([source(encoding=7)])),
                 join_prune(group_set([source()]), upstream=unicast(US, encoding=7))],
    "wildcard": [join_prune(group_set([source(flags=7)])), join_prune(group_set([source(flags=5)]))],
    "source": [join_prune(group_set([source(a)])) for a in ("224.0.0.9", "127.0.0.1", "0.0.0.0", "255.255.255.255")],
    "holdtime-0": [join_prune(group_set([source()]), holdtime=0)],
    "upstream": [join_prune(group_set([source()]), upstream=unicast("10.9.1.99"))],
    "stranger": [(STRANGER, JOIN)],
    "off-link": [(OFF_LINK, hello())],
    "own": [(US, hello())],
    # What FRR issue 15630 is about: (S,G), (*,G) and (S,G,rpt) of one group, joined and pruned.
    "mixed": [join_prune(group_set([source(), source(flags=7), source("198.51.100.251", flags=5)], [source(flags=5)])),
              join_prune(group_set([source(flags=7)], [source()]))],
    "assert": [message(5, group() + unicast(S) + bytes(7)), message(5, b"")],
    "genid": [hello(genid=i) for i in range(200)],
    "forever": [hello(holdtime=65535)],
    "goodbyes": [hello(holdtime=h) for h in (0, 60) * 20],
    # FRR issue 22629: more than 255 entries. A message of them all is larger than a frame.
    "sources-300": [join_prune(group_set(HUNDRED, of=group("232.22.0.%d" % n))) for n in range(3)],
    "sources-300-pruned": [join_prune(group_set((), HUNDRED, of=group("232.22.0.%d" % n))) for n in range(3)],
    "groups-255": [join_prune(*(group_set([source()], of=group("232.21.0.%d" % i)) for i in range(255)))],
    "join-and-prune": [join_prune(group_set([source()], [source()]))] * 50,
    "at-once": [join_prune(group_set([source()])), join_prune(group_set((), [source()]))] * 50,
    "many": None, "many-pruned": None, "hello": [], "destination": None,
}


def send_pim(interface, kind, count):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))

    def put(pim, src=ROUTER, dst=ROUTERS):
        # The largest are more than a frame: as a router's kernel would, in fragments.
        packet = ipv4(src, dst, 103, pim, 0xC0, 1)
        for at in range(0, max(1, len(pim)), 1400):
            part = pim[at:at + 1400]
            more = at + 1400 < len(pim)
            head = packet[:2] + struct.pack("!H", 20 + len(part)) + b"\x77\x77" \
                + struct.pack("!H", more << 13 | at // 8) + packet[8:10] + b"\0\0" + packet[12:20]
            head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
            sock.send(ROUTERS_MAC + b"\x02\0\0\0\0\7\x08\0" + head + part)

    messages = PIM[kind]
    if kind.startswith("many"):
        messages = list(many(count, kind == "many-pruned"))
    if kind not in ("stranger", "off-link", "own"):
        put(hello())
    if kind == "destination":
        put(JOIN, dst=US)
        messages = []
    pace = 1 / (len(messages) or 1)  # what is much is spread over a second
    began = time.monotonic()
    for i, item in enumerate(messages):
        put(item) if isinstance(item, bytes) else put(item[1], src=item[0])
        if len(messages) > 100:
            time.sleep(max(0, began + i * pace - time.monotonic()))
    return len(messages)


def send_membership(family, interface, mac, reason, us=None):
    import igmphost
    import mldhost
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    to, sent = bytes.fromhex(mac.replace(":", "")), 0
    for _, packet, wanted in igmphost.bad_datagrams() if family == "igmp" else mldhost.bad_datagrams(us):
        if wanted != reason:
            continue
        if isinstance(packet, bytearray):
            packet[11] ^= 0x55
        sock.send(to + b"\x02\0\0\0\0\1" + (b"\x08\0" if family == "igmp" else b"\x86\xdd") + bytes(packet))
        sent += 1
    return sent


def send_kernel(interface, mac, address, count):
    """UDP to a port where nobody listens, from as many addresses as there are datagrams; half a second."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    ether = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\1\x08\0"
    udp = struct.pack("!HHHH", 4000, 9, 20, 0) + bytes(12)
    began = time.monotonic()
    for i in range(count):
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                         struct.pack("!I", 0x0B000001 + i * 257), socket.inet_aton(address))
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        sock.send(ether + ip + udp)
        if i % 500 == 499:
            time.sleep(max(0, began + 0.5 * i / count - time.monotonic()))
    return count


def main():
    if sys.argv[1] == "kernel":
        sent = send_kernel(*sys.argv[2:5], int(sys.argv[5]))
    elif sys.argv[1] == "pim":
        sent = send_pim(sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    else:
        sent = send_membership(*sys.argv[1:])
    print("sent", sent)


if __name__ == "__main__":
    main()
