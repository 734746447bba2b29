#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The console as somebody at a terminal meets it: inlet in pseudo-terminals, typed at, and what comes read.
usage: terminal.py INLET SOCKET RECORD-DIRECTORY SOURCE GROUP
Prints a line "ok TEXT" or "not ok TEXT" a check. What each terminal showed is kept in RECORD-DIRECTORY."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

INLET, SOCKET, RECORDS, SOURCE, GROUP = sys.argv[1:6]
LIMIT_S = 30
PROMPT = "inlet> "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """inlet in a pseudo-terminal of its own."""

    def __init__(self, name, *words):
        self.shown = ""  # all that it showed, escape sequences too
        self.seen = 0  # how far that was looked at
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(INLET, ["inlet", "--socket", SOCKET, *words])
        self.record = open(os.path.join(RECORDS, name + ".txt"), "w", encoding="utf-8")

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


def jq(text, program):
    done = subprocess.run(["jq", "-e", program], input=text or "", text=True, capture_output=True, check=False)
    return done.returncode == 0


def modes(fd):
    return [m if not isinstance(m, list) else [bytes(c) if isinstance(c, bytes) else c for c in m]
            for m in termios.tcgetattr(fd)]


def main():
    one = Terminal("one")
    check("a session begins with a prompt", one.wait(PROMPT), one.shown)

    # Completion
    check("Tab completes a command", one.typed("sh\tcha\t", "show channels "))
    check("Tab completes an address that is known", one.typed("show channels source \t", "source " + SOURCE))
    check("Tab lists the interfaces", one.typed("show channels port \t", "lan") and
          one.typed("show channels port \t", "wan"))
    check("Tab completes the name of one", one.typed("show pim port l\t", "port lan "))
    check("Tab lists the states of a channel", one.typed("show channels state \t", "flowing"))
    check("? says what may follow", one.typed("show channels ?", "only this source, or a prefix"))
    check("? says what may begin", one.typed("?", "look at the appliance"))
    text = one.run("sho chan sta fl")
    check("words may be cut short", text and SOURCE in text, text)

    # Help
    text = one.run("help")
    check("help lists every command", text and "show tunnels" in text and "add channel SOURCE GROUP" in text, text)
    text = one.run("help relay")
    check("help is by topic", text and "relay hold RELAY" in text and "show pim" not in text, text)
    text = one.run("help nonsense")
    check("help says when there is none", text and text.startswith("error: no command has"), text)
    text = one.run("show nonsense")
    check("an unknown word is said, and what may stand there", text and "unknown word nonsense" in text, text)

    # Tables
    text = one.run("show channels")
    rows = (text or "").strip("\n").split("\n")
    check("a table has a heading and a row a channel", rows[0].split()[:3] == ["source_address", "group_address", "state"] and
          any(r.split()[:3] == [SOURCE, GROUP, "flowing"] for r in rows[1:]), text)
    check("its columns stand under each other", all(r.find(GROUP) in (-1, rows[0].find("group_address")) for r in rows[1:]),
          text)
    net = SOURCE.rsplit(".", 1)[0] + ".0/24"
    text = one.run("show channels source %s group %s port lan" % (net, GROUP))
    check("a prefix finds it", text and SOURCE in text, text)
    text = one.run("show channels source 192.0.2.0/24")
    check("another prefix does not", text == "(no channels)\n", text)
    text = one.run("show tunnels detail")
    check("detail is a line a field", text and re.search(r"^  seen_as +\S+$", text, re.M), text)

    # JSON
    for noun in ("ports", "neighbors", "pim", "pim joins", "igmp", "mld", "channels", "relays", "tunnels", "workers",
                 "drops all", "version", "joinfile"):
        text = one.run("show %s --json" % noun)
        if not jq(text, "type == \"array\""):
            check("show %s --json is JSON" % noun, False, text)
            break
    else:
        check("every show has JSON that jq reads", True)
    text = one.run("show channels --json")
    check("the fields are there by name",
          jq(text, '.[] | select(.source_address == "%s") | .group_address == "%s" and .state == "flowing"' % (SOURCE, GROUP)), text)

    # Two sessions
    two = Terminal("two")
    check("a second session begins", two.wait(PROMPT), two.shown)
    text = one.run("add channel 198.51.100.77 232.7.7.7 port lan")
    check("one adds a channel", text and "added" in text, text)
    text = two.run("show channels by static")
    check("the other one sees it", text and "198.51.100.77" in text, text)
    text = two.run("del channel 198.51.100.77 232.7.7.7")
    check("and deletes it", text and "deleted" in text, text)

    # Watch
    two.seen = len(two.shown)
    two.type("watch 0.3 show channels\n")
    frames = 0
    until = time.monotonic() + LIMIT_S
    while frames < 4 and time.monotonic() < until:
        two.read(0.2)
        frames = two.shown[two.seen:].count("\x1b[H\x1b[J")
    check("watch shows one screen after the other", frames >= 4, two.plain())
    two.type("\x03")
    check("^C ends it", two.wait("\n" + PROMPT), two.plain()[-200:])
    two.seen = len(two.shown)
    two.type("show version --json watch 0.2\n")
    check("so it does as an option, with JSON", two.wait("]\n["), two.plain())
    two.type(" ")
    check("any key ends it", two.wait("\n" + PROMPT), two.plain()[-200:])

    # A line that is too long
    one.seen = len(one.shown)
    one.type("show channels " + "x" * 3000 + "\n")
    check("a line of 3,000 characters is an error", one.wait("error: line longer than 255 characters"), one.plain())
    one.wait("\n" + PROMPT)
    text = one.run("show version")
    check("and the session goes on", text and "dpdk" in text and "error" not in text, text)

    # A session that is stuck
    stuck = Terminal("stuck")
    stuck.wait(PROMPT)
    stuck.type("watch 0.1 show drops all\n")
    check("a third session watches", stuck.wait("TTL"), stuck.shown[-200:])
    os.kill(stuck.pid, signal.SIGSTOP)
    slowest = 0
    until = time.monotonic() + 20
    dropped = 0
    while dropped < 5 and time.monotonic() < until:
        begin = time.monotonic()
        text = one.run("show console --json")
        slowest = max(slowest, time.monotonic() - begin)
        try:
            dropped = json.loads(text)[0]["frames_dropped"]
        except (TypeError, ValueError, IndexError, KeyError):
            break
        time.sleep(0.2)  # the loop's own pace
    check("its client is stopped: what it does not take is left out", dropped >= 5, text)
    check("the others are answered all the while (%.0f ms at most)" % (slowest * 1000), slowest < 5)
    stuck.seen = len(stuck.shown)
    os.kill(stuck.pid, signal.SIGCONT)
    check("it goes on when the client does, and says what was left out", stuck.wait("left out)"), stuck.plain()[-300:])
    stuck.type("q")
    check("and takes commands again", stuck.wait("\n" + PROMPT) and "dpdk" in (stuck.run("show version") or ""),
          stuck.plain()[-300:])

    # History, and another session later
    one.seen = len(one.shown)
    one.type("\x1b[A")
    check("the up key brings the last line", one.wait("show "), one.plain())
    one.type("\x03")
    one.wait("\n" + PROMPT)
    text = one.run("show neighbors port lan")
    one.type("quit\n")
    check("quit detaches, with status 0", one.end() == 0, one.shown[-200:])
    again = Terminal("again")
    again.wait(PROMPT)
    again.seen = len(again.shown)
    again.type("\x1b[A\x1b[A")
    check("who attaches again has the lines of before", again.wait("show neighbors port lan"), again.plain())
    again.type("\x03")
    again.wait("\n" + PROMPT)
    text = again.run("show channels state flowing")
    check("and finds the channel that was there", text and SOURCE in text, text)
    before = modes(again.fd)
    again.type("\x04")
    check("^D on an empty line detaches", again.end() == 0, again.shown[-200:])
    check("the terminal was raw meanwhile", not before[3] & termios.ICANON)

    # A command by itself, in a terminal
    watch = Terminal("watch", "show", "version", "watch", "0.2")
    check("inlet COMMAND watches too", watch.wait("dpdk") and watch.wait("\n\n20"), watch.shown)
    watch.type("\x03")
    check("and ^C ends that", watch.end() == -signal.SIGINT, watch.shown[-200:])


main()
