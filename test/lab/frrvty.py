#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Gives commands to one FRR daemon through its socket, as vtysh would, and prints what it answers:
frrvty.py SOCKET COMMAND... For a daemon whose commands the vtysh at hand does not know."""
import socket
import sys


def main():
    daemon = socket.socket(socket.AF_UNIX)
    daemon.settimeout(10)
    daemon.connect(sys.argv[1])
    for command in ["enable", *sys.argv[2:]]:
        daemon.sendall(command.encode() + b"\0")
        answer = b""
        # The end is three zeros and the result.
        while len(answer) < 4 or answer[-4:-1] != b"\0\0\0":
            part = daemon.recv(65536)
            if not part:
                sys.exit("the daemon has closed the socket")
            answer += part
        sys.stdout.write(answer[:-4].decode())
        if answer[-1] not in (0, 3):  # success, or a warning
            sys.exit("%s: result %d" % (command, answer[-1]))


if __name__ == "__main__":
    main()
