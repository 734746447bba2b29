#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The pass rule of a row of test/lab/faults, from two pages of metrics and two reports of lab-recv.

usage: faultjudge judge --before PAGE --after PAGE --streams BEFORE AFTER --counter NAME --also NAMES
                        --victims NUMBERS --limit MS
       faultjudge value NAME <PAGE
"""
import argparse
import json
import re
import sys

# Counters that say that something is wrong. What is not here counts work.
WATCHED = re.compile(
    r"^[a-z0-9]+\.|^(channels_refused|amt_send_errors|config_reload_failures|config_save_failures|log_suppressed"
    r"|log_lost|scrapes_bad|scrapes_refused|scrapes_stalled|ecn_odd_packets"
    r"|port_receive_(missed|errors|nombuf)|port_transmit_errors|interface_transmit_full"
    r"|interface_kernel_errors)$|_(failures|refused|policed|losses|downs)$"
)
LINE = re.compile(r"^inlet_([a-z0-9_]+?)_total(?:\{(.*)\})? ([0-9.e+]+)$")


def counters(text):
    """{name: value}: of drops ROOM.REASON, of other families their own name; labels are summed over."""
    out = {}
    for line in text.splitlines():
        m = LINE.match(line)
        if not m:
            continue
        name, labels = m.group(1), dict(re.findall(r'(\w+)="([^"]*)"', m.group(2) or ""))
        if name == "drops":
            name = labels["room"] + "." + labels["reason"]
        out[name] = out.get(name, 0) + int(float(m.group(3)))
    return out


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def judge_counters(args):
    before, after = counters(read(args.before)), counters(read(args.after))
    moved = {n: v - before.get(n, 0) for n, v in after.items() if v != before.get(n, 0)}
    if not after:
        print("bad no counters after")
        return
    if args.counter:
        if args.counter not in after:
            print("bad there is no counter " + args.counter)
        elif moved.get(args.counter, 0) <= 0:
            print("bad counter %s has not moved" % args.counter)
        else:
            print("counted %s +%d" % (args.counter, moved[args.counter]))
    for name, by in sorted(moved.items()):
        if name != args.counter and WATCHED.search(name):
            if name in args.also.split():
                print("also %s +%d" % (name, by))
            else:
                print("bad counter %s has moved too, by %d" % (name, by))


def judge_streams(args):
    before, after = (json.loads(read(p)) for p in args.streams)
    victims = set(range(len(after))) if args.victims == "all" else set(map(int, args.victims.split()))
    print("outage %d" % max(c["hole_ms"] for c in after))
    for i, (b, a) in enumerate(zip(before, after)):
        by = {k: a[k] - b[k] for k in ("packets", "lost", "duplicated", "bad")}
        text = "channel %d: %d packets, %d lost, %d doubled, %d bad, longest hole %d ms" % (
            i, by["packets"], by["lost"], by["duplicated"], by["bad"], a["hole_ms"])
        if by["packets"] <= 0 or by["bad"] or by["duplicated"]:
            print("bad " + text)
        elif i not in victims and by["lost"]:
            print("bad bystander " + text)
        elif i in victims and args.limit and a["hole_ms"] > args.limit:
            print("bad limit %d ms, %s" % (args.limit, text))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("what", choices=("judge", "value"))
    p.add_argument("name", nargs="?")
    p.add_argument("--before")
    p.add_argument("--after")
    p.add_argument("--streams", nargs=2)
    p.add_argument("--counter", default="")
    p.add_argument("--also", default="")
    p.add_argument("--victims", default="")
    p.add_argument("--limit", type=int, default=0)
    args = p.parse_args()
    if args.what == "value":
        print(counters(sys.stdin.read()).get(args.name, 0))
        return
    judge_counters(args)
    judge_streams(args)


main()
