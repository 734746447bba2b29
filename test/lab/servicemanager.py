#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A stand-in for systemd: runs a service with Type=notify, WatchdogSec and Restart=on-failure.
usage: servicemanager SOCKET WATCHDOG_SECONDS COMMAND...

Tells on standard output what happens: "started PID", "heard WHAT" for READY=1 and STOPPING=1,
"alive N" for every N-th sign of life, "watchdog PID" when it kills a service that gives none,
"exited STATUS". SIGTERM stops the service and ends. A service that exits with 0 is not started again."""
import os
import signal
import socket
import subprocess
import sys
import time

path, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path)
manager.settimeout(0.05)
env = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC=str(int(seconds * 1e6)))
stopping = False


def say(*words):
    print(*words, flush=True)


def on_term(_signal, _frame):
    global stopping
    stopping = True


def serve():
    """One life of the service; its exit status."""
    service = subprocess.Popen(command, env=env)
    say("started", service.pid)
    deadline, alive, told = None, 0, False
    while service.poll() is None:
        if stopping and not told:
            service.terminate()
            told = True
        try:
            what = manager.recv(4096).decode()
        except socket.timeout:
            what = ""
        if what == "WATCHDOG=1":
            alive += 1
            say("alive", alive)
        elif what:
            say("heard", what)
        # As in systemd, the time counts from when the service is ready.
        if what in ("READY=1", "WATCHDOG=1"):
            deadline = time.monotonic() + seconds
        if deadline and time.monotonic() > deadline and not told:
            say("watchdog", service.pid)
            service.kill()
            service.wait()
    say("exited", service.returncode)
    return service.returncode


signal.signal(signal.SIGTERM, on_term)
while serve() != 0 and not stopping:
    pass
os.unlink(path)
