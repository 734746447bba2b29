#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""AMT data in outer fragments that do not fit together, from a relay's address.

usage: faultfrag.py RELAY LOCAL PORT KIND N          N datagrams for 198.51.100.77, 232.77.77.77

whole: two fragments; twice: the first of them comes twice; overlap: the second begins in the first; far: it
ends behind the 65535th octet; large: a datagram of 60,000 octets; first: the first alone; tiny: a fragment
of a length that is no multiple of 8, and not the last.
"""
import socket
import struct
import sys
import time

from badinput import ipv4, udp

relay, local, port, kind, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
size = 60000 if kind == "large" else 1200
inside = ipv4("198.51.100.77", "232.77.77.77", 17, struct.pack("!HHHH", 5001, 5001, 8 + size, 0) + bytes(size), 0, 16)
datagram = udp(relay, local, 2268, port, b"\x06\0" + inside)


def put(ident, at, part, more):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), ident, more << 13 | at // 8, 64, 17, 0,
                         socket.inet_aton(relay), socket.inet_aton(local))
    raw.sendto(header + part, (local, 0))


for n in range(count):
    ident, cut = 0x4000 + n, 640
    if kind == "large":
        for at in range(0, len(datagram), 1400):
            put(ident, at, datagram[at:at + 1400], at + 1400 < len(datagram))
    elif kind == "tiny":
        put(ident, 0, datagram[:cut + 3], 1)
    else:
        put(ident, 0, datagram[:cut], 1)
        if kind == "twice":
            put(ident, 0, datagram[:cut], 1)
        if kind == "overlap":
            put(ident, cut - 64, datagram[cut - 64:], 0)
        elif kind == "far":
            put(ident, 65528, bytes(600), 0)
        elif kind != "first":
            put(ident, cut, datagram[cut:], 0)
    if n % 16 == 15:
        time.sleep(0.01)
print("sent", count)
