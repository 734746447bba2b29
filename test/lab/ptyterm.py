#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program in a pseudo-terminal: typed at, and what it shows read. For terminal.py and terminal_local.py."""
import os
import pty
import re
import select
import sys
import termios
import time

LIMIT_S = 30
PROMPT = "inlet> "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program in a pseudo-terminal of its own; what it shows is kept in the file `record`."""

    def __init__(self, record, argv, errors=None):
        self.shown = ""  # all that it showed, escape sequences too
        self.seen = 0  # how far that was looked at
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if errors:
                os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 2)
            os.execv(argv[0], argv)
        self.record = open(record, "w", encoding="utf-8")

    def read(self, seconds):
        """What comes within so long, as soon as something does. False at its end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            text = os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:
            text = ""
        self.shown += text
        self.record.write(ESCAPES.sub("", text))
        self.record.flush()
        return text != ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def plain(self):
        return ESCAPES.sub("", self.shown[self.seen:]).replace("\r", "")

    def wait(self, text, seconds=LIMIT_S):
        """Until text has come, or the time is up."""
        until = time.monotonic() + seconds
        while text not in self.plain():
            if time.monotonic() > until or not self.read(0.2):
                return text in self.plain()
        return True

    def run(self, line):
        """A command; its output without the line that was typed and the prompt behind."""
        self.seen = len(self.shown)
        self.type(line + "\n")
        if not self.wait("\n" + PROMPT):
            return None
        return self.plain().split("\n", 1)[1].rsplit("\n" + PROMPT, 1)[0] + "\n" if self.plain() else None

    def typed(self, keys, wanted):
        """Keys, and whether what they bring comes. The line is given up afterwards."""
        self.seen = len(self.shown)
        self.type(keys)
        came = self.wait(wanted, 10)
        text = self.plain()
        self.type("\x03")
        self.wait("\n" + PROMPT, 10)
        if not came:
            print("# typed %r, came %r" % (keys, text))
        return came

    def end(self, seconds=LIMIT_S):
        """Its exit status, or None when it goes on."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            self.read(0.1)
        return None


def check(text, good, said=None):
    print("%s %s" % ("ok" if good else "not ok", text))
    if not good and said is not None:
        for line in str(said).split("\n")[:12]:
            print("# " + line)
    sys.stdout.flush()


def modes(fd):
    return [m if not isinstance(m, list) else [bytes(c) if isinstance(c, bytes) else c for c in m]
            for m in termios.tcgetattr(fd)]
