# SPDX-License-Identifier: BSD-3-Clause
"""The curves of a soak as SVG: panels below each other, a few lines each, over the same time."""
import datetime
import html
import math
import platform

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 900, 92, 74, 190, 64, 34
COLOURS = ("#1f6fb2", "#c2571a", "#3a8f3a", "#8a4fa3")
MIB = 1 << 20
# Heading with the unit; (name of the sample, what it is called, divisor)
PANELS = (
    ("channels", (("channels", "there", 1), ("flowing", "with packets", 1))),
    ("joins a second", (("joins_per_s", "began to be wanted", 1),)),
    ("memory, MiB", (("resident", "inletd, resident", MIB), ("malloc", "inletd, malloc()", MIB),
                     ("relay_resident", "inlet-relay, resident", MIB))),
    ("DPDK's heap, MiB", (("dpdk", "allocated", MIB),)),
    ("mbufs", (("mbufs", "in use, all pools", 1),)),
    ("descriptors, threads, tunnels", (("descriptors", "descriptors", 1), ("threads", "threads", 1),
                                       ("tunnels", "tunnels", 1))),
    ("timers, DNS questions", (("timers", "timers armed", 1), ("dns", "questions in flight", 1))),
    ("longest delay of the control loop, ms", (("late_ms", "since the last sample", 1),)),
    ("Join to first packet, ms", (("join_ms", "mean since the last sample", 1),)),
)


def machine():
    cpu, count = "", 0
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                cpu, count = line.split(":", 1)[1].strip(), count + 1
    return f"{count} CPUs, {cpu}, Linux {platform.release()}"


def ceiling(value):
    """The next 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= value * 0.999)


def number(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def panel(out, top, end, heading, lines, samples):
    series = [(label, [(s["t"], s[name] / by) for s in samples if s.get(name) is not None])
              for name, label, by in lines]
    most = ceiling(max((y for _, points in series for _, y in points), default=1))
    right = WIDTH - RIGHT
    out.append(f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{html.escape(heading)}</text>')
    out.append(f'<rect x="{LEFT}" y="{top}" width="{right - LEFT}" height="{PANEL}" fill="none" stroke="#999"/>')
    for part in (0, 0.5, 1):
        y = top + PANEL * (1 - part)
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{number(most * part)}</text>')
    out.append(f'<line x1="{LEFT}" y1="{top + PANEL / 2}" x2="{right}" y2="{top + PANEL / 2}" stroke="#ddd"/>')
    for i, (label, points) in enumerate(series):
        path = " ".join(f"{LEFT + (right - LEFT) * t / end:.1f},{top + PANEL * (1 - y / most):.1f}"
                        for t, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[i]}" stroke-width="1.3"/>')
        last = f", {number(round(points[-1][1], 1))}" if points else ""
        out.append(f'<text x="{right + 8}" y="{top + 14 + 16 * i}" fill="{COLOURS[i]}">'
                   f'{html.escape(label)}{last}</text>')


def draw(path, command, samples):
    end = max(s["t"] for s in samples)
    height = TOP + len(PANELS) * (PANEL + GAP) + 24
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    out = ["<!-- SPDX-License-Identifier: BSD-3-Clause -->",
           f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
           f'height="{height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{html.escape(command)}, {date}</text>',
           f'<text x="{LEFT}" y="37">{html.escape(machine())}; beside each curve its last value</text>']
    for i, (heading, lines) in enumerate(PANELS):
        panel(out, TOP + i * (PANEL + GAP), end, heading, lines, samples)
    bottom = TOP + len(PANELS) * (PANEL + GAP) - GAP + 16
    for part in range(5):
        x = LEFT + (WIDTH - RIGHT - LEFT) * part / 4
        out.append(f'<text x="{x}" y="{bottom}" text-anchor="middle">{end * part / 4:.0f}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{bottom + 16}" text-anchor="middle">'
               "seconds since the churn began</text>")
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")
