#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The churn of test/lab/soak, its samples and its picture.

usage: soak.py churn --state DIR --prefix P --build DIR --pid N --upstream6 A --seconds N --rate N
                     --command TEXT [--svg FILE] [--json FILE]
       soak.py host INTERFACE

churn: with the lab up, joins and prunes for so long and disturbs what an operator's years disturb, takes
samples, leaves only what was there before, and prints "ok - TEXT" and "not ok - TEXT" lines.
host: a receiver on a link: takes "allow S G" and "block S G" lines, and says so by IGMPv3 or MLDv2.
"""
import argparse
import collections
import ctypes
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

import igmphost
import mldhost
import soakplot

US4, US6 = "10.9.1.5", "fe80::5"
RELAY_RESTARTED = "203.0.113.50"
METRICS = ("127.0.0.1", 9568)
FIRST_CHURNED = 6  # sources before it are the bystanders'


class Kind:
    """Channels that are wanted one way: which are free, and which are joined until when."""

    def __init__(self, name, share, channels, join, leave):
        self.name, self.share, self.join, self.leave = name, share, join, leave
        self.free = collections.deque(channels)
        self.live = collections.deque()  # (until, channel), not in order
        self.owed = 0.0
        self.joined = self.left = 0

    def turn(self, now, joins):
        """One tick: joins that are due, and leaves of those whose time is over."""
        self.owed += joins * self.share
        batch = []
        while self.owed >= 1 and self.free:
            self.owed -= 1
            channel = self.free.popleft()
            self.live.append((now + random.uniform(0.3, 8), channel))
            batch.append(channel)
        if batch:
            self.join(batch)
            self.joined += len(batch)
        over = [c for until, c in self.live if until <= now]
        if over:
            self.live = collections.deque(e for e in self.live if e[0] > now)
            self.leave(over)
            self.left += len(over)
            self.free.extend(over)

    def end(self):
        over = [c for _, c in self.live]
        if over:
            self.leave(over)
        self.live.clear()


class Lab:
    def __init__(self, args):
        self.args = args
        self.children = []

    def path(self, name):
        return os.path.join(self.args.state, name)

    def enter(self, ns):
        """This thread's network from now on."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/run/netns/" + self.args.prefix + ns, "rb") as file:
            if libc.setns(file.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def start(self, ns, *command, **kwargs):
        with open(self.path("soak.log"), "ab") as log:
            child = subprocess.Popen(["ip", "netns", "exec", self.args.prefix + ns, *command],
                                     stdout=kwargs.pop("stdout", log), stderr=log, **kwargs)
        self.children.append(child)
        return child

    def pid(self, part):
        with open(self.path(part + ".pid"), encoding="ascii") as file:
            return int(file.read().split()[0])

    def console(self, command):
        """Its answer and status, as the client has them."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(self.path("console.sock"))
            sock.sendall(b"run " + command.encode() + b"\n")
            answer = b""
            while chunk := sock.recv(65536):
                answer += chunk
        text, _, status = answer.partition(b"\0")
        return text.decode(), int(status or 1)

    def rows(self, command):
        return json.loads(self.console(command + " --json")[0])


def scrape(keep=("inlet_",)):
    """The page of metrics, in the namespace of the thread: names with labels to numbers."""
    with socket.create_connection(METRICS, timeout=20) as sock:
        sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        page = b""
        while chunk := sock.recv(65536):
            page += chunk
    values = {}
    for line in page.decode().splitlines():
        if line.startswith(keep):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values


class Sampler(threading.Thread):
    """Scrapes once a second, as a Prometheus in a hurry, and keeps a sample every so often."""

    def __init__(self, lab, every):
        super().__init__(daemon=True)
        self.lab, self.every = lab, every
        self.samples, self.scrapes, self.errors = [], 0, []
        self.stopped = threading.Event()
        self.begin = time.monotonic()

    def memory_of(self, pid):
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        except OSError:
            return None

    def sample(self, page, late, before):
        memory = {r["what"]: r["used"] for r in self.lab.rows("show memory")}
        mbufs = sum(r["used"] for r in self.lab.rows("show memory") if r["unit"] == "mbufs")
        n, total = page["inlet_join_latency_seconds_count"], page["inlet_join_latency_seconds_sum"]
        of = before["raw"] if before else (n, total, page["inlet_channels_wanted_total"], self.begin)
        now = time.monotonic()
        return {
            "t": round(now - self.begin, 2),
            "channels": sum(v for k, v in page.items() if k.startswith("inlet_channels{")),
            "flowing": page.get('inlet_channels{state="flowing"}', 0),
            "joins_per_s": (page["inlet_channels_wanted_total"] - of[2]) / max(now - of[3], 0.1),
            "tunnels": page["inlet_tunnels"],
            "mbufs": mbufs,
            "resident": memory["resident"], "malloc": memory["malloc"], "dpdk": memory["dpdk"],
            "relay_resident": self.memory_of(self.lab.pid("relay")),
            "descriptors": memory["descriptors"], "threads": memory["threads"],
            "timers": memory["timers"], "dns": memory["dns questions"],
            "late_ms": late * 1e3,
            "join_ms": (total - of[1]) / (n - of[0]) * 1e3 if n > of[0] else None,
            "raw": (n, total, page["inlet_channels_wanted_total"], now),
        }

    def run(self):
        self.lab.enter("inlet")
        late, due = 0.0, self.begin
        while not self.stopped.wait(1):
            try:
                page = scrape()
                self.scrapes += 1
                late = max(late, page["inlet_loop_delay_recent_seconds"])
                if time.monotonic() < due:
                    continue
                due += self.every
                self.samples.append(self.sample(page, late, self.samples[-1] if self.samples else None))
                late = 0.0
            except (OSError, KeyError, ValueError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")


class Disturber(threading.Thread):
    """What happens beside joins: each of its happenings in turn of its own, counted."""

    def __init__(self, lab, speakers, sources):
        super().__init__(daemon=True)
        self.lab, self.speakers, self.sources = lab, speakers, sources
        self.stopped = threading.Event()
        self.counts, self.errors = collections.Counter(), []
        with open(lab.path("inlet.conf"), encoding="utf-8") as file:
            self.conf = file.read()
        with open(lab.path("lab.zone"), encoding="ascii") as file:
            self.zone = file.read()
        self.relay = None
        self.guests = []  # console clients that do not read, and when they go
        self.happenings = [(4, self.reload), (5, self.capture), (5, self.move), (7, self.dns), (9, self.genid),
                           (13, self.relay_restarts), (31, self.goodbye), (1, self.looks), (3, self.rude_console),
                           (4, self.rude_scrape), (6, self.trace)]

    def number(self, what):
        self.counts[what] += 1
        return self.counts[what]

    def write(self, name, text):
        with open(self.lab.path(name + ".new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.lab.path(name + ".new"), self.lab.path(name))

    def reload(self):
        n = self.number("reloads")
        text = self.conf.replace("dr_priority = 100;", f"dr_priority = {100 + n % 5};")
        text = text.replace("negative_ttl_max = 5;", f"negative_ttl_max = {4 + n % 3};")
        text += f"limits = {{ channels = {50000 + n}; }};\n"
        if n % 2:
            rows = ", ".join(f'{{ source = "{random.choice(self.sources)}"; group = "232.77.{n % 250}.{i}"; }}'
                             for i in range(1, 4))
            text += f"channels = ( {rows} );\n"
        if n % 3 == 0:
            text += f'relays = ( {{ sources = "{self.sources[4]}/32"; relay = "203.0.113.12"; discovery = false; }} );\n'
        if n % 4 == 0:
            text += 'relay_quirks = ( { relay = "203.0.113.12"; quirks = [ "no-e" ]; } );\n'
        if n % 6 == 5:
            text += "nonsense = 1;\n"
        self.write("inlet.conf", text)
        status = self.lab.console("reload --json")[1]
        if (status != 0) != (n % 6 == 5):
            self.errors.append(f"reload {n} ended with {status}")

    def restore(self):
        self.write("inlet.conf", self.conf)
        if self.lab.console("reload")[1] != 0:
            self.errors.append("the last reload failed")

    def capture(self):
        self.number("captures")
        self.lab.console("capture stop")
        self.lab.console(f"capture start {self.lab.path('soak.pcap')} limit 300 packets force")

    def move(self):
        n = self.number("moves asked for")
        # The bystanders' sources have both relays; the others are left to choose.
        self.lab.console(f"relay move 198.51.100.{10 + n % 2} to 203.0.113.{11 + n // 2 % 2}")
        self.lab.console(f"relay move {random.choice(self.sources)}")

    def dns(self):
        n = self.number("changes in DNS")
        lines = [f"{26 + i} 5 IN TYPE260 \\# 6 0501cb0071{11 + (n + i) % 2:02x}" for i in range(4)]
        zone = self.zone.replace("lab.test. 1 3600", f"lab.test. {1 + n} 3600")
        self.write("lab.zone", zone + "\n".join(lines) + "\n")
        os.kill(self.lab.pid("dns"), signal.SIGHUP)

    def genid(self):
        n = self.number("neighbors restarted")
        for speaker in self.speakers:
            speaker.say(f"genid {n + 4711}")
            speaker.say("hello")

    def goodbye(self):
        self.number("goodbyes")
        for speaker in self.speakers:
            speaker.say("hello 0")
            speaker.say("hello")

    def relay_restarts(self):
        if self.relay:
            # As a crash would, and in good order, in turn.
            n = self.number("relays restarted")
            self.relay.send_signal(signal.SIGKILL if n % 2 else signal.SIGTERM)
            self.relay.wait(10)
            time.sleep(1)
        self.relay = self.lab.start("relay", self.lab.args.build + "/app/relay/inlet-relay", "--address",
                                    RELAY_RESTARTED, "--source-if", "native0", "--log", "error")

    def looks(self):
        what = ("channels", "tunnels detail", "relays", "pim joins", "igmp memberships", "drops", "ports", "reload")
        n = self.number("tables shown")
        self.lab.console(f"show {what[n % len(what)]} --json")
        if n % 10 == 0:
            self.lab.console(f"explain {self.sources[0]} 232.16.1.1")

    def rude_console(self):
        """One that watches and does not read, one that says half a line; both vanish."""
        self.number("console clients that do not read")
        for words in (b"tty\nshow channels watch 1\n", b"run show chan"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.lab.path("console.sock"))
            sock.sendall(words)
            self.guests.append((time.monotonic() + 4, sock))

    def rude_scrape(self):
        """One that asks and goes, one that asks nothing."""
        self.number("scrapes that do not read")
        for words in (b"GET /metrics HTTP/1.0\r\n\r\n", b"GE"):
            sock = socket.create_connection(METRICS, timeout=10)
            sock.sendall(words)
            self.guests.append((time.monotonic() + 2, sock))

    def trace(self):
        self.number("traces")
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.lab.path("console.sock"))
        sock.sendall(f"run trace {random.choice(self.sources)} 232.16.1.1\n".encode())
        self.guests.append((time.monotonic() + 3, sock))

    def guests_go(self, now):
        for until, sock in self.guests:
            if until <= now:
                sock.close()
        self.guests = [g for g in self.guests if g[0] > now]

    def run(self):
        self.lab.enter("inlet")
        due = [time.monotonic() + 0.5 + random.random() * min(every, 8) for every, _ in self.happenings]
        while not self.stopped.wait(0.1):
            now = time.monotonic()
            self.guests_go(now)
            for i, (every, happening) in enumerate(self.happenings):
                if now >= due[i]:
                    due[i] = max(due[i] + every, now)
                    try:
                        happening()
                    except (OSError, ValueError, subprocess.SubprocessError) as error:
                        self.errors.append(f"{happening.__name__}: {error}")
        self.guests_go(float("inf"))


class Speaker:
    """pimspeaker.py on FRR's end of the downstream link."""

    def __init__(self, lab, address, upstream):
        here = os.path.dirname(os.path.abspath(__file__))
        self.child = lab.start("frr", sys.executable, here + "/pimspeaker.py", "--interface", "xup0", "--source",
                               address, "--upstream", upstream, "--holdtime", "40", "--hello-interval", "5",
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.lock = threading.Lock()
        self.say("priority 0")
        self.say("hello")

    def say(self, line):
        with self.lock:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()

    def some(self, word, channels):
        for i in range(0, len(channels), 20):  # to a message: none is larger than the link's MTU
            self.say(word + " " + " ".join(" ".join(c) for c in channels[i:i + 20]))

    def join(self, channels):
        self.some("join", channels)

    def prune(self, channels):
        self.some("prune", channels)


class Receiver:
    """Hosts on the same link: `soak.py host`."""

    def __init__(self, lab):
        self.child = lab.start("frr", sys.executable, os.path.abspath(__file__), "host", "xup0",
                               stdin=subprocess.PIPE, text=True)

    def say(self, word, channels):
        for source, group in channels:
            self.child.stdin.write(f"{word} {source} {group}\n")
        self.child.stdin.flush()


class Operator(threading.Thread):
    """Static channels, one by one, and the joinfile, once a second."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab = lab
        self.queue = collections.deque()
        self.named, self.changed = set(), False
        self.stopped = threading.Event()
        self.errors = []

    def say(self, word, channels):
        self.queue.extend((word, c) for c in channels)

    def name(self, channels):
        self.named |= set(channels)
        self.changed = True

    def unname(self, channels):
        self.named -= set(channels)
        self.changed = True

    def write(self):
        with open(self.lab.path("joins.new"), "w", encoding="ascii") as file:
            file.writelines(f"{s},{g}\n" for s, g in sorted(self.named.copy()))
        os.rename(self.lab.path("joins.new"), self.lab.path("joins"))

    def work(self):
        while self.queue:
            word, (source, group) = self.queue.popleft()
            text, status = self.lab.console(f"{word} channel {source} {group}")
            if status != 0 and word == "add":
                self.errors.append(text.strip())
        if self.changed:
            self.changed = False
            self.write()

    def run(self):
        while not self.stopped.wait(1):
            self.work()


def churned(args, lab, operator):
    """The kinds, with their channels, and who speaks for them."""
    def channels(count, source, group, groups):
        return [(source(i % count), group(i // count)) for i in range(count * groups)]

    def source4(i):
        return f"198.51.100.{10 + FIRST_CHURNED + i}"

    def source6(i):
        return f"2001:db8:100::{10 + FIRST_CHURNED + i:x}"

    def group4(block):
        return lambda i: f"232.{block + i // 250}.{1 + i // 250}.{1 + i % 250}"

    def group6(block):
        return lambda i: f"ff3e::8000:{block + i:x}"

    host = Receiver(lab)
    pim, pim6 = Speaker(lab, US4, "10.9.1.2"), Speaker(lab, US6, args.upstream6)
    kinds = [
        Kind("pim", 0.50, channels(18, source4, group4(16), 60), pim.join, pim.prune),
        Kind("pim6", 0.15, channels(18, source6, group6(0x1000), 24), pim6.join, pim6.prune),
        Kind("igmp", 0.15, channels(18, source4, group4(32), 24),
             lambda c: host.say("allow", c), lambda c: host.say("block", c)),
        Kind("mld", 0.10, channels(18, source6, group6(0x2000), 16),
             lambda c: host.say("allow", c), lambda c: host.say("block", c)),
        Kind("static", 0.05, channels(18, source4, group4(48), 16),
             lambda c: operator.say("add", c), lambda c: operator.say("del", c)),
        Kind("joinfile", 0.05, channels(18, source6, group6(0x3000), 16), operator.name, operator.unname),
    ]
    return kinds, [pim, pim6]


def send_some(lab, kinds):
    """A stream on some channels of each kind, so that they flow when they are joined."""
    with open(lab.path("channels-churn"), "w", encoding="ascii") as file:
        for kind in kinds:
            file.writelines(f"{s} {g}\n" for s, g in list(kind.free)[::9])
    lab.start("src", lab.args.build + "/deploy/lab.d/tools/lab-send", "--if", "s0", "--rate", "400", "--channels",
              lab.path("channels-churn"))


def churn_for(args, kinds):
    """Ticks of 50 ms; a machine that was late makes up for it."""
    begin = last = time.monotonic()
    while last - begin < args.seconds:
        time.sleep(0.05)
        now = time.monotonic()
        joins = (min(now, begin + args.seconds) - last) * args.rate
        for kind in kinds:
            kind.turn(now, joins)
        last = now


def wait_for(seconds, check):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


class Verdict:
    def __init__(self):
        self.bad = 0

    def __call__(self, good, text):
        self.bad += not good
        print(("ok - " if good else "not ok - ") + text, flush=True)


# What the line through the second half may rise by, over that half.
DRIFT = (("resident", 1 << 20, "octets of resident memory"),
         ("malloc", 256 << 10, "octets of malloc()"),
         ("dpdk", 256 << 10, "octets of DPDK's heap"),
         ("relay_resident", 1 << 20, "octets of resident memory of inlet-relay"),
         ("mbufs", 64, "mbufs"), ("descriptors", 4, "descriptors"), ("threads", 1, "threads"),
         ("tunnels", 4, "tunnels"))
DRIFT_SECONDS = 120  # of churn: shorter ones say nothing of a slope


def slope(points):
    """A second: the median of the slopes between all pairs (Theil and Sen). What leaks raises all samples; a
    table that was being written while one was taken does not."""
    return statistics.median((b[1] - a[1]) / (b[0] - a[0])
                             for i, a in enumerate(points) for b in points[i + 1:] if b[0] > a[0])


def judge_drift(verdict, samples, seconds):
    half = seconds / 2
    for name, limit, text in DRIFT:
        points = [(s["t"], s[name]) for s in samples if s["t"] >= half and s[name] is not None]
        rise = slope(points) * half
        verdict(rise <= limit, f"over the second half, {len(points)} samples, the line through {text} rises by "
                               f"{rise:.0f} (limit {limit})")


def churn(args):
    lab = Lab(args)
    verdict = Verdict()
    operator = Operator(lab)
    kinds, speakers = churned(args, lab, operator)
    send_some(lab, kinds)
    sampler = Sampler(lab, max(2, args.seconds / 300))
    disturber = Disturber(lab, speakers, [c[0] for c in list(kinds[0].free)[:18]])
    lab.console("set log all warn")
    for thread in (operator, disturber, sampler):
        thread.start()
    try:
        churn_for(args, kinds)
    finally:
        for thread in (sampler, disturber, operator):
            thread.stopped.set()
            thread.join(40)
    samples = sampler.samples
    # All that came goes: leaves, Goodbyes, an empty joinfile, the configuration as it was.
    for kind in kinds:
        kind.end()
    operator.work()
    os.unlink(lab.path("joins"))
    for speaker in speakers:
        speaker.say("hello 0")
    lab.console("capture stop")
    lab.console("trace stop")
    disturber.restore()
    verdict(wait_for(60, lambda: len(lab.rows("show channels")) == 8), "then only the bystanders' channels are left")
    lab.console("set log all info")
    for child in lab.children:
        child.terminate()
        child.wait(10)

    joined, left = sum(k.joined for k in kinds), sum(k.left for k in kinds)
    print("# " + ", ".join(f"{k.name} {k.joined}" for k in kinds) + " joins; "
          + ", ".join(f"{n} {what}" for what, n in disturber.counts.items()) + f"; {sampler.scrapes} scrapes")
    wanted = samples[-1]["raw"][2] - samples[0]["raw"][2]
    took = samples[-1]["t"] - samples[0]["t"]
    verdict(wanted >= 0.9 * args.rate * took and left >= 0.8 * joined,
            f"{wanted / took:.0f} channels a second began to be wanted ({joined} asked for, {left} left)")
    for name, errors in (("scrapes", sampler.errors), ("what happened beside", disturber.errors),
                         ("static channels", operator.errors)):
        verdict(not errors, f"{name} found nothing wrong" + "".join(f"; {e}" for e in errors[:3]))
    verdict(samples[-1]["tunnels"] >= 3 and max(s["flowing"] for s in samples) > 20,
            f"they flowed meanwhile: up to {max(s['flowing'] for s in samples):.0f} at a time of "
            f"{max(s['channels'] for s in samples):.0f}, through {max(s['tunnels'] for s in samples):.0f} tunnels")
    if args.seconds >= DRIFT_SECONDS:
        judge_drift(verdict, samples, args.seconds)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"command": args.command, "samples": samples}, file)
    if args.svg:
        soakplot.draw(args.svg, args.command, samples)
    return 1 if verdict.bad else 0


def host(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    for line in sys.stdin:
        word, source, group = line.split()
        kind = 5 if word == "allow" else 6
        if ":" in group:
            packet = mldhost.datagram(mldhost.report(mldhost.record(kind, group, (source,))))
            sock.send(b"\x33\x33\0\0\0\x16" + b"\x02\0\0\0\0\7\x86\xdd" + packet)
        else:
            record = igmphost.record(kind, socket.inet_aton(group), (socket.inet_aton(source),))
            sock.send(igmphost.group_mac("224.0.0.22") + b"\x02\0\0\0\0\7\x08\0"
                      + igmphost.datagram(igmphost.report(record)))
    return 0


def main():
    if sys.argv[1:2] == ["host"]:
        return host(sys.argv[2])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("churn")
    for name in ("state", "prefix", "build", "upstream6", "command"):
        parser.add_argument("--" + name, required=True)
    for name in ("pid", "seconds", "rate"):
        parser.add_argument("--" + name, required=True, type=int)
    parser.add_argument("--svg")
    parser.add_argument("--json")
    return churn(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
