#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""When did each channel of a list get its Join, and when its first native packet?

usage: scale_times.py CHANNELS LOG OFFSET RESULT

CHANNELS has "S G" lines, LOG is inletd's log, read from OFFSET on, RESULT is lab-recv's JSON or a
capture of lab-tap. Prints one line of JSON: joins, flowing, last_join_to_all_ms, worst_ms (the
slowest channel, from its own Join).
"""
import datetime
import json
import re
import socket
import struct
import sys

JOIN = re.compile(r"^(\S+) +info +pim: join heard if=\S+ s=(\S+) g=(\S+) ")


def joins_of(path, offset):
    """First Join of each channel, seconds since 1970."""
    found = {}
    with open(path, encoding="utf-8", errors="replace") as log:
        log.seek(offset)
        for line in log:
            match = JOIN.match(line)
            if match:
                when = datetime.datetime.fromisoformat(match[1].replace("Z", "+00:00"))
                found.setdefault((match[2], match[3]), when.timestamp())
    return found


def packets_of_capture(data):
    """First packet of each (S,G) in a pcap of Ethernet frames."""
    magic = struct.unpack("<I", data[:4])[0]
    unit = {0xA1B2C3D4: 1e-6, 0xA1B23C4D: 1e-9}[magic]
    at, found = 24, {}
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack("<IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        if len(frame) >= 34 and frame[12:14] == b"\x08\x00":
            key = (socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]))
            found.setdefault(key, seconds + fraction * unit)
    return found


def packets_of(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:1] != b"{":
        return packets_of_capture(data)
    return {(c["source"], c["group"]): c["first_ns"] / 1e9
            for c in json.loads(data)["each"] if c["first_ns"]}


def main():
    channels_path, log, offset, result = sys.argv[1:]
    with open(channels_path, encoding="ascii") as file:
        channels = [tuple(line.split()) for line in file if line.strip()]
    joins, packets = joins_of(log, int(offset)), packets_of(result)
    joined = [joins[c] for c in channels if c in joins]
    first = [packets[c] for c in channels if c in packets]
    answer = {"joins": len(joined), "flowing": len(first)}
    if len(joined) == len(first) == len(channels):
        answer["joins_took_ms"] = round((max(joined) - min(joined)) * 1e3, 1)
        answer["last_join_to_all_ms"] = round((max(first) - max(joined)) * 1e3, 1)
        answer["worst_ms"] = round(max(packets[c] - joins[c] for c in channels) * 1e3, 1)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
