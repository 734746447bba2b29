#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client that asks for more than sockets hold and never reads; until it is ended.
usage: neverreads unix PATH | tcp PORT | silent PORT"""
import signal
import socket
import sys

what, where = sys.argv[1:3]
if what == "unix":
    s = socket.socket(socket.AF_UNIX)
    s.connect(where)
    ask = b"tty\n" + b"show drops all\n" * 2000
else:
    s = socket.create_connection(("127.0.0.1", int(where)))
    ask = b"" if what == "silent" else b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 500
s.setblocking(False)
try:
    s.send(ask)
except BlockingIOError:
    pass
print("asked", flush=True)
signal.pause()
