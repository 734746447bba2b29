#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""inletd -i in a pseudo-terminal: its console, another one attached at the same time, and its end.
usage: terminal_local.py INLETD CONFIGURATION
Prints a line "ok TEXT" or "not ok TEXT" a check."""
import os
import re
import sys
import termios

from ptyterm import PROMPT, Terminal, check, modes

INLETD, CONFIG = sys.argv[1:3]


def start(name):
    log = CONFIG + "." + name
    return Terminal(log + ".txt", [INLETD, "-i", "-c", CONFIG], errors=log + ".log")


def main():
    one = start("local")
    check("inletd -i gives a prompt in its terminal", one.wait(PROMPT, 60), one.shown[-300:])
    check("which is raw", not modes(one.fd)[3] & termios.ICANON)
    text = one.run("show ports")
    check("it answers", text and "wan" in text and "lan" in text, text)
    check("Tab completes", one.typed("sh\tcha\t", "show channels "))
    check("? says what may follow", one.typed("show channels ?", "only this source, or a prefix"))
    text = one.run("show nonsense")
    check("an error is said", text and "unknown word nonsense" in text, text)
    text = one.run("add channel 198.51.100.99 232.9.9.9")
    check("it changes things", text and "added" in text, text)
    with open(CONFIG, encoding="utf-8") as file:
        socket = re.search(r'socket = "([^"]+)"', file.read()).group(1)
    inlet = os.path.join(os.path.dirname(INLETD), "..", "inlet", "inlet")
    two = Terminal(CONFIG + ".two.txt", [inlet, "--socket", socket])
    check("another console attaches beside it", two.wait(PROMPT), two.shown)
    text = two.run("show channels by static")
    check("and sees that", text and "198.51.100.99" in text, text)
    one.seen = len(one.shown)
    one.type("watch 0.3 show channels\n")
    check("watch", one.wait("198.51.100.99"), one.plain()[-300:])
    one.type("\x03")
    check("^C ends it, and not inletd", one.wait("\n" + PROMPT) and "dpdk" in (one.run("show version") or ""),
          one.plain()[-300:])
    one.type("quit\n")
    check("quit ends inletd, with status 0", one.end(60) == 0, one.shown[-300:])
    check("the other console with it", two.end(30) is not None, two.shown[-200:])
    again = start("again")
    again.wait(PROMPT, 60)
    again.type("\x04")
    check("^D on an empty line does too", again.end(60) == 0, again.shown[-300:])
    gone = start("gone")
    gone.wait(PROMPT, 60)
    os.close(gone.fd)
    check("and so does a terminal that is gone", wait_status(gone.pid) == 0)


def wait_status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


main()
