#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Asks a Prometheus every query of the dashboard, and for every metric that the alerts name.
usage: metrics_queries URL DASHBOARD RULES

Prints one line a query, "ok QUERY" or "empty QUERY" or "error QUERY: WHY"; exit 1 unless all have data."""
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

url, dashboard, rules = sys.argv[1:]
# Functions, operators and labels of PromQL that the rules use begin otherwise.
METRIC = re.compile(r"\b(?:inlet_[a-z0-9_]+|up|scrape_[a-z_]+)\b(?!\s*=)")


def ask(query):
    """The series that a query gives now."""
    text = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{text}", timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def of_dashboard():
    with open(dashboard, encoding="utf-8") as file:
        board = json.load(file)
    texts = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    return [text.replace("$instance", ".*").replace("$__rate_interval", "15s") for text in texts]


def of_alerts():
    """The names; whether an alert fires is another question."""
    with open(rules, encoding="utf-8") as file:
        text = file.read()
    expressions = re.findall(r"expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", text)
    names = {name for pair in expressions for name in METRIC.findall(pair[0] or pair[1])}
    return [f"count({name})" for name in sorted(names)]


bad = 0
for query in of_dashboard() + of_alerts():
    try:
        series = ask(query)
        print("ok" if series else "empty", query)
        bad += not series
    except (OSError, ValueError, KeyError) as error:
        why = error.read().decode() if isinstance(error, urllib.error.HTTPError) else error
        print("error", query + ":", why)
        bad += 1
sys.exit(1 if bad else 0)
