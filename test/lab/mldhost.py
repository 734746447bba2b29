#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted MLD speaker on a link.

usage: mldhost.py querier INTERFACE SOURCE INTERVAL
       mldhost.py bad INTERFACE MAC ADDRESS INLET-COMMAND...    (INLET-COMMAND: inlet --socket PATH)

querier: an MLDv2 General Query (QRV 2, QQI INTERVAL, answers within 1 s) every INTERVAL seconds, until it
is killed. bad: reports and queries that must not do anything, to the MAC of inletd's port alone, since
hosts would believe an MLDv1 query; ADDRESS is inletd's link-local one. Checks that each moves exactly one
named counter of inletd, but for what the hosts of the link report of other groups meanwhile, and prints
TAP lines without numbers.
"""
import socket
import struct
import sys
import time

from badinput import Target, checksum

HOST = "fe80::33"
HIGHER = "fe80::ffff:ffff:ffff:ffff"
NODES, ROUTERS, REPORTS, GROUP = "ff02::1", "ff02::2", "ff02::16", "ff3e::8000:77"
ALERT = b"\x3a\0\x05\x02\0\0\x01\0"


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address)


def datagram(message, src=HOST, dst=REPORTS, hop=1, options=ALERT, good=True):
    pseudo = packed(src) + packed(dst) + struct.pack("!II", len(message), 58)
    total = checksum(pseudo + message[:2] + b"\0\0" + message[4:])
    message = message[:2] + struct.pack("!H", total ^ (0 if good else 0x55)) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(options) + len(message), 0 if options else 58, hop)
    return header + packed(src) + packed(dst) + options + message


def record(kind, group=GROUP, sources=("2001:db8:100::77",)):
    return struct.pack("!BBH", kind, 0, len(sources)) + packed(group) + b"".join(packed(s) for s in sources)


def report(*records, count=None):
    return struct.pack("!BBHHH", 143, 0, 0, 0, len(records) if count is None else count) + b"".join(records)


def query(group="::", mrc=1000, qrv=2, qqi=125):
    return struct.pack("!BBHHH", 130, 0, 0, mrc, 0) + packed(group) + struct.pack("!BBH", qrv, qqi, 0)


def old(kind, group=GROUP):
    return struct.pack("!BBHHH", kind, 0, 0, 0, 0) + packed(group)


class Link(Target):
    def send(self, packet, mac=None):
        self.sock.send((mac or self.mac) + b"\x02\0\0\0\0\1\x86\xdd" + packet)

    def counters(self):
        return {k: v for k, v in super().counters().items() if k != ("mld", "NOT_SSM")}


def run_querier(interface, source, interval):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    packet = datagram(query(qqi=int(interval)), src=source, dst=NODES)
    while True:
        sock.send(b"\x33\x33\0\0\0\x01" + b"\x02\0\0\0\0\7\x86\xdd" + packet)
        time.sleep(float(interval))


def bad_datagrams(us):
    join = report(record(5))
    yield "a checksum that is wrong", datagram(join, good=False), "CHECKSUM"
    yield "a report of 6 octets", datagram(join[:6]), "LENGTH"
    yield "a report cut in its record", datagram(join[:-2]), "LENGTH"
    yield "a count of records too many", datagram(report(record(5), count=2)), "LENGTH"
    yield "a query of 26 octets", datagram(query()[:26], dst=NODES), "LENGTH"
    yield "hop limit 2", datagram(join, hop=2), "TTL"
    yield "no Router Alert", datagram(join, options=b""), "ROUTER_ALERT"
    yield "a report from a global address", datagram(join, src="2001:db8:a091::33"), "SOURCE_ADDRESS"
    yield "a query from a global address", datagram(query(), src="2001:db8::1", dst=NODES), "SOURCE_ADDRESS"
    yield "a query from ::", datagram(query(), src="::", dst=NODES), "SOURCE_ADDRESS"
    yield "our own address", datagram(join, src=us), "OWN"
    yield "another destination", datagram(join, dst=ROUTERS), "DESTINATION"
    yield "a query of a higher address", datagram(query(), src=HIGHER, dst=NODES), "LOST_ELECTION"
    yield "a lower one's that is not General", datagram(query(GROUP), src="fe80::1", dst=GROUP), "LOST_ELECTION"
    yield "an MLDv1 report for an SSM group", datagram(old(131), dst=GROUP), "OLD_REPORT"
    yield "an MLDv1 Done for an SSM group", datagram(old(132), dst=ROUTERS), "OLD_LEAVE"
    yield "an MLDv1 query", datagram(old(130, "::"), dst=NODES), "OLD_QUERY"
    yield "a record of EXCLUDE mode", datagram(report(record(4, sources=()))), "EXCLUDE"
    yield "a record of no known type", datagram(report(record(9))), "RECORD_TYPE"
    yield "a source that is none", datagram(report(record(5, sources=("ff02::9",)))), "CHANNEL_SOURCE"


def run_bad(interface, mac, us, inlet):
    target = Link(interface, mac, inlet)
    channels = len(target.show("channels"))
    for name, packet, wanted in bad_datagrams(us):
        target.expect(name, packet, wanted)
    target.report(len(target.show("channels")) == channels, "and nothing was joined")
    return 1 if target.bad else 0


def main():
    if sys.argv[1] == "querier":
        run_querier(*sys.argv[2:5])
    return run_bad(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])


if __name__ == "__main__":
    sys.exit(main())
