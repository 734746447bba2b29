#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The console as somebody at a terminal meets it: inlet in pseudo-terminals, typed at, and what comes read.
usage: terminal.py INLET SOCKET RECORD-DIRECTORY SOURCE GROUP
Prints a line "ok TEXT" or "not ok TEXT" a check. What each terminal showed is kept in RECORD-DIRECTORY."""
import json
import os
import re
import signal
import subprocess
import sys
import termios
import time

from ptyterm import LIMIT_S, PROMPT, Terminal, check, modes

INLET, SOCKET, RECORDS, SOURCE, GROUP = sys.argv[1:6]


def terminal(name, *words):
    """inlet in one."""
    return Terminal(os.path.join(RECORDS, name + ".txt"), [INLET, "--socket", SOCKET, *words])


def jq(text, program):
    done = subprocess.run(["jq", "-e", program], input=text or "", text=True, capture_output=True, check=False)
    return done.returncode == 0


def main():
    one = terminal("one")
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
    two = terminal("two")
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
    stuck = terminal("stuck")
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
    again = terminal("again")
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
    watch = terminal("watch", "show", "version", "watch", "0.2")
    check("inlet COMMAND watches too", watch.wait("dpdk") and watch.wait("\n\n20"), watch.shown)
    watch.type("\x03")
    check("and ^C ends that", watch.end() == -signal.SIGINT, watch.shown[-200:])


main()
