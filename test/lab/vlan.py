#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""802.1Q for kernels without it: each VLAN of a trunk becomes a TAP.

    vlan.py --trunk IF --vlan ID:TAP [--vlan ID:TAP ...]    until it is told to end
    vlan.py --trunk IF --send ID                            one tagged frame that nobody knows

Frames of a VLAN that has no TAP, and those without a tag, are ignored.
"""
import argparse
import fcntl
import os
import select
import signal
import socket
import struct
import sys

ETH_P_ALL = 3
ETH_P_8021Q = 0x8100
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TP_STATUS_VLAN_VALID = 1 << 4
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def tap_open(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def trunk_open(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((name, 0))
    return sock


def receive(trunk):
    """A frame without its tag, and the VLAN; None without one. The kernel takes the tag out."""
    frame, messages, _, _ = trunk.recvmsg(65536, 128)
    for level, kind, data in messages:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                return frame, tci & 0xFFF
    if frame[12:14] == struct.pack("!H", ETH_P_8021Q):
        return frame[:12] + frame[16:], struct.unpack("!H", frame[14:16])[0] & 0xFFF
    return frame, None


def tagged(frame, vlan):
    return frame[:12] + struct.pack("!HH", ETH_P_8021Q, vlan) + frame[12:]


def run(trunk, taps):
    by_fd = {fd: vlan for vlan, fd in taps.items()}
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([trunk, *by_fd], [], [])
        for ready in readable:
            if ready is trunk:
                frame, vlan = receive(trunk)
                if vlan in taps:
                    try:
                        os.write(taps[vlan], frame)
                    except OSError:
                        pass  # the TAP is down
            else:
                trunk.send(tagged(os.read(ready, 65536), by_fd[ready]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", required=True)
    parser.add_argument("--vlan", action="append", default=[])
    parser.add_argument("--send", type=int)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    trunk = trunk_open(args.trunk)
    if args.send is not None:
        frame = b"\xff" * 6 + b"\2\0\0\0\0\1" + struct.pack("!H", 0x88B5) + b"\0" * 46
        trunk.send(tagged(frame, args.send))
        return
    taps = {}
    for text in args.vlan:
        vlan, name = text.split(":")
        taps[int(vlan)] = tap_open(name)
    run(trunk, taps)


if __name__ == "__main__":
    main()
