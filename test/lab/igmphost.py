#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A scripted IGMP speaker on a link.

usage: igmphost.py querier INTERFACE SOURCE INTERVAL
       igmphost.py bad INTERFACE MAC INLET-COMMAND...    (INLET-COMMAND: inlet --socket PATH)

querier: an IGMPv3 General Query (QRV 2, QQI INTERVAL, answers within 1 s) every INTERVAL seconds, until
it is killed. bad: reports and queries that must not do anything, to the MAC of inletd's port alone, since
hosts would believe an IGMPv2 query; checks that each moves exactly one
named counter of inletd, and prints TAP lines without numbers.
"""
import socket
import struct
import sys
import time

from badinput import Target, checksum

HOST, US = "10.9.1.33", "10.9.1.2"
GROUP, SOURCE = socket.inet_aton("232.1.1.77"), socket.inet_aton("198.51.100.77")
ALERT = b"\x94\x04\0\0"


def igmp(message):
    message = message[:2] + b"\0\0" + message[4:]
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def datagram(message, src=HOST, dst="224.0.0.22", ttl=1, options=ALERT, flags=0):
    length = 20 + len(options) + len(message)
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | (20 + len(options)) // 4, 0xC0, length, 0, flags, ttl, 2,
                         0, socket.inet_aton(src), socket.inet_aton(dst)) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + message


def group_mac(dst):
    octets = socket.inet_aton(dst)
    return bytes([0x01, 0x00, 0x5E, octets[1] & 0x7F, octets[2], octets[3]])


def record(kind, group=GROUP, sources=(SOURCE,), count=None):
    return struct.pack("!BBH", kind, 0, len(sources) if count is None else count) + group + b"".join(sources)


def report(*records):
    return igmp(struct.pack("!BBHHH", 0x22, 0, 0, 0, len(records)) + b"".join(records))


def query(group=b"\0\0\0\0", mrc=10, qrv=2, qqi=125):
    return igmp(struct.pack("!BBH4sBBH", 0x11, mrc, 0, group, qrv, qqi, 0))


def old(kind, group=GROUP):
    return igmp(struct.pack("!BBH4s", kind, 0, 0, group))


def run_querier(interface, source, interval):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    packet = datagram(query(qqi=int(interval)), src=source, dst="224.0.0.1")
    while True:
        sock.send(group_mac("224.0.0.1") + b"\x02\0\0\0\0\7\x08\0" + packet)
        time.sleep(float(interval))


def bad_datagrams():
    join = report(record(5))
    yield "an IP checksum that is wrong", bytearray(datagram(join)), "IP"
    yield "a fragment", datagram(join, flags=0x2000), "IP"
    yield "an IGMP checksum that is wrong", datagram(join[:2] + b"\x12\x34" + join[4:]), "CHECKSUM"
    yield "a report of 6 octets", datagram(igmp(join[:6])), "LENGTH"
    yield "a report cut in its record", datagram(igmp(join[:-2])), "LENGTH"
    yield "a count of records too many", datagram(igmp(join[:7] + b"\2" + join[8:])), "LENGTH"
    yield "a count of sources too many", datagram(report(record(5, count=500))), "LENGTH"
    yield "a query of 10 octets", datagram(igmp(query()[:10]), dst="224.0.0.1"), "LENGTH"
    yield "a DVMRP message", datagram(igmp(b"\x13\x01\0\0\0\0\0\0"), dst="224.0.0.4"), "TYPE"
    yield "TTL 2", datagram(join, ttl=2), "TTL"
    yield "no Router Alert", datagram(join, options=b""), "ROUTER_ALERT"
    yield "a host of another network", datagram(join, src="10.77.1.1"), "SOURCE_ADDRESS"
    yield "our own address", datagram(join, src=US), "OWN"
    yield "another destination", datagram(join, dst="224.0.0.2"), "DESTINATION"
    yield "a query from 0.0.0.0", datagram(query(), src="0.0.0.0", dst="224.0.0.1"), "SOURCE_ADDRESS"
    yield "a query of a higher address", datagram(query(), dst="224.0.0.1"), "LOST_ELECTION"
    yield "a lower one's that is not General", datagram(
        query(GROUP), src="10.9.1.1", dst="232.1.1.77"), "LOST_ELECTION"
    yield "an IGMPv2 report for an SSM group", datagram(old(0x16), dst="232.1.1.77"), "OLD_REPORT"
    yield "an IGMPv1 report, without Router Alert", datagram(
        old(0x12), dst="232.1.1.77", options=b""), "OLD_REPORT"
    yield "an IGMPv2 leave for an SSM group", datagram(old(0x17), dst="224.0.0.2"), "OLD_LEAVE"
    yield "an IGMPv2 query", datagram(old(0x11, b"\0\0\0\0"), dst="224.0.0.1"), "OLD_QUERY"
    yield "an IGMPv2 report for another group", datagram(
        old(0x16, socket.inet_aton("239.1.1.1")), dst="239.1.1.1"), "NOT_SSM"
    yield "a record for another group", datagram(
        report(record(5, socket.inet_aton("239.1.1.1")))), "NOT_SSM"
    yield "a record of EXCLUDE mode", datagram(report(record(4, sources=()))), "EXCLUDE"
    yield "a record of no known type", datagram(report(record(9))), "RECORD_TYPE"
    yield "a source that is none", datagram(
        report(record(5, sources=(socket.inet_aton("224.0.0.9"),)))), "CHANNEL_SOURCE"


def run_bad(interface, mac, inlet):
    target = Target(interface, mac, inlet)
    channels = len(target.show("channels"))
    for name, packet, wanted in bad_datagrams():
        if isinstance(packet, bytearray):
            packet[11] ^= 0x55
        target.expect(name, bytes(packet), wanted)
    target.report(len(target.show("channels")) == channels, "and nothing was joined")
    return 1 if target.bad else 0


def main():
    if sys.argv[1] == "querier":
        run_querier(*sys.argv[2:5])
    return run_bad(sys.argv[2], sys.argv[3], sys.argv[4:])


if __name__ == "__main__":
    sys.exit(main())
