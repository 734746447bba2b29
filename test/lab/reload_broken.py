#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Broken configuration files for test/lab/reload.sh: each is put in the place of the good one, inletd is
told to reload, must refuse it with one line that names the file, and must go on as before.

usage: reload_broken.py FILE COMMAND...   COMMAND is the console client with its options

What a file has is made from the good one by a rule of its own, with a seed that is always the same. The
last line of the output is the number of files that were refused as they should be, and of all of them."""

import json
import os
import random
import re
import stat
import subprocess
import sys

path, command = sys.argv[1], sys.argv[2:]
with open(path, encoding="utf-8") as f:
    good = f.read()
mode = stat.S_IMODE(os.stat(path).st_mode)
rng = random.Random(8777)
at_all = [m.start() for m in re.finditer(r"^", good, re.M)]


def numbers():
    return list(re.finditer(r"\b[a-z_]+ = (\d+)(?=[;,])", good))


def strings():
    return list(re.finditer(r'"[^"\n]*"', good))


def put(match, group, text):
    return good[: match.start(group)] + text + good[match.end(group):]


def before_a_key(text):
    """text before one of the keys of the file, in whatever group that is"""
    m = rng.choice(list(re.finditer(r"\b[a-z_]+ = ", good)))
    return good[: m.start()] + text + good[m.start():]


# Each gives a text that is no configuration, whatever the dice say.
def no_closing():
    i = rng.choice([m.start() for m in re.finditer(r"[)}\]]", good)])
    return good[:i] + good[i + 1:]


def other_closing():
    i = rng.choice([m.start() for m in re.finditer(r"[)}\]]", good)])
    return good[:i] + rng.choice([c for c in ")}]" if c != good[i]]) + good[i + 1:]


def no_quote():
    m = rng.choice(strings())
    return good[: m.end() - 1] + good[m.end():]


def number_as_text():
    return put(rng.choice(numbers()), 1, '"many"')


def number_out_of_range():
    m = rng.choice(numbers())
    return put(m, 1, rng.choice(["-1", "99999999999", "4294967296L", "0x7fffffffffffffffffff"]))


def number_as_real():
    m = rng.choice(numbers())
    return put(m, 1, m.group(1) + ".5")


def text_as_number():
    return put(rng.choice(strings()), 0, str(rng.randrange(100)))


def text_as_list():
    m = rng.choice(list(re.finditer(r'\b(?:name|device|role|log_level|socket|source|group) = ("[^"\n]*")', good)))
    return put(m, 1, "( 1, 2 )")


def control_character():
    m = rng.choice(strings())
    return put(m, 0, '"' + chr(rng.choice([1, 7, 27, 127])) + m.group(0)[1:])


def unknown_key():
    return before_a_key(f"surprise_{rng.randrange(1000)} = {rng.randrange(9)}; ")


def key_twice():
    m = rng.choice(list(re.finditer(r"\b[a-z_]+ = \"?[\w.]+\"?;", good)))
    return good[: m.start()] + m.group(0) + " " + good[m.start():]


def stray():
    i = rng.choice(at_all[:-1])
    return good[:i] + rng.choice([";;=\n", "= 3;\n", "%\n", "$ENV\n", "\\\n", "<<<<<<< HEAD\n"]) + good[i:]


def cut_short():
    m = rng.choice(list(re.finditer(r"interfaces = \(.*?\n\);", good, re.S)))
    return good[: rng.randrange(m.start() + 14, m.end() - 2)]


def bad_address():
    m = rng.choice(list(re.finditer(r'"(\d+\.\d+\.\d+\.\d+)', good)))
    return put(m, 1, rng.choice(["300.1.2.3", "1.2.3", "host.example", "1.2.3.4.5", "::g"]))


def bad_word():
    m = rng.choice(list(re.finditer(r'\b(?:role|log_level|idle|memory|spread|outer_fragments) = "([a-z-]+)"', good)))
    return put(m, 1, m.group(1)[::-1] + "x")


def more(text):
    return lambda: good + text + "\n"


def not_there():
    os.unlink(path)


def directory():
    os.unlink(path)
    os.mkdir(path)


def pipe():
    os.unlink(path)
    os.mkfifo(path)


def link_to_itself():
    os.unlink(path)
    os.symlink(os.path.basename(path), path)


def link_to_nothing():
    os.unlink(path)
    os.symlink("nothing", path)


CHANNEL = '{ source = "198.51.100.200"; group = "232.9.9.9"; }'
once = [
    not_there, directory, pipe, link_to_itself, link_to_nothing,
    lambda: "", lambda: "\n# nothing at all\n", lambda: "\x00" * 4096, lambda: "\x7fELF" + "\xff" * 100,
    lambda: good + "#" * (10 << 20), lambda: good + "/* " + "x" * 1000,
    lambda: good + "(" * 10000,
    more(f"relay_quirks = ( {{ relay = \"203.0.113.11\"; quirks = [ \"none-such\" ]; }} );"),
    more('relay_quirks = ( { relay = "203.0.113.11"; quirks = [ ]; }, { relay = "203.0.113.11"; quirks = [ ]; } );'),
    more('ssm_ranges = [ "232.0.0.0/8", "232.1.0.0/16" ];'),
    more('ssm_ranges = [ "192.0.2.0/24" ];'),
    more("limits = { channels = 0; };"),
    more('joinfile = { path = "/tmp/a"; export = "/tmp/a"; };'),
    more('joinfile = { path = "relative"; };'),
    more("joinfile = { };"),
    more('state_file = "here";'),
    more('@include "not-there.conf"'),
    more("workers2 = 1;"),
    # The good file has channels; a second list of that name is a key that is there twice.
    more(f"channels = ( {CHANNEL} );"),
    lambda: good.replace("channels = (", f"channels = ( {CHANNEL}, {CHANNEL}, ", 1),
    lambda: good.replace("channels = (", f'channels = ( {CHANNEL[:-1]} interfaces = [ "wan" ]; }}, ', 1),
    lambda: good.replace("channels = (", f'channels = ( {CHANNEL[:-1]} interfaces = [ "eth9" ]; }}, ', 1),
    lambda: good.replace("channels = (", 'channels = ( { source = "10.0.0.1"; group = "239.1.1.1"; }, ', 1),
    lambda: good.replace("channels = (", 'channels = ( { source = "10.0.0.1"; group = "ff3e::1:1"; }, ', 1),
    lambda: good.replace("channels = (", 'channels = ( { source = "10.0.0.1"; }, ', 1),
    lambda: good.replace('name = "lan"', 'name = "wan"', 1),
    lambda: good.replace('name = "lan"', 'name = "a-name-that-is-too-long"', 1),
    lambda: good.replace("iface=dn0", "iface=up0", 1).replace("net_af_xdp1", "net_af_xdp0", 1),
    lambda: good.replace('role = "downstream"', 'role = "upstream"', 1),
    lambda: good.replace("10.9.1.2/24", "192.0.2.2/24", 1),
    lambda: good.replace('via = "192.0.2.1"', 'via = "10.1.1.1"', 1),
    lambda: good.replace("pim = {", "pim = { hello_interval = 200; ", 1),
    lambda: good.replace("pim = {", "pim = { watch = { netdev = \"x\"; }; ", 1),
    lambda: good.replace("pim = {", "pim = { dr_priority = 4294967296L; ", 1),
    lambda: good.replace("pim = {", "pim = { max_joins = 5; max_joins_neighbor = 6; ", 1),
]
rules = [no_closing, other_closing, no_quote, number_as_text, number_out_of_range, number_as_real,
         text_as_number, text_as_list, control_character, unknown_key, key_twice, stray, cut_short, bad_address,
         bad_word]


def restore():
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="latin-1") as out:
        out.write(good)
    os.chmod(path, mode)


def inlet(*words):
    return subprocess.run(command + list(words), capture_output=True, text=True, timeout=60, check=False)


def refused(name):
    """None, or what was wrong with how it was refused"""
    got = inlet("reload")
    text = got.stderr.strip()
    if got.returncode == 0:
        return f"was taken: {got.stdout!r}"
    if len(got.stderr.splitlines()) != 1 or got.stdout:
        return f"is not one line: {got.stderr!r} {got.stdout!r}"
    if path not in text:
        return f"does not name the file: {text}"
    # What is wrong inside of the file is told with its line.
    inside = os.path.isfile(path) and 0 < os.path.getsize(path) < 4 << 20
    if inside and not re.search(re.escape(path) + r":\d+: \S", text):
        return f"does not name the line: {text}"
    status = json.loads(inlet("show", "reload", "--json").stdout)[0]
    if status["error"] not in text:
        return f"show reload says something else: {status['error']!r}"
    restore()
    after = inlet("reload", "check", "--json")
    if after.returncode or json.loads(after.stdout) != []:
        return f"changed something: {after.stdout!r}"
    print(f"# {name}: {text[:150]}")
    return None


cases = [(f"once {i}", rule) for i, rule in enumerate(once)]
while len(cases) < 100:
    rule = rules[len(cases) % len(rules)]
    cases.append((f"{rule.__name__} {len(cases)}", rule))
right = 0
for name, rule in cases:
    text = rule()
    assert text is None or text != good, name
    if text is not None:
        with open(path, "w", encoding="latin-1") as out:
            out.write(text)
    wrong = refused(name)
    if wrong:
        print(f"# {name}: {wrong}")
    else:
        right += 1
    restore()
print(right, len(cases))
