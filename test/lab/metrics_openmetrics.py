#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reads a page as strictly as OpenMetrics 1.0 is written, with Prometheus' own Python client (Debian's
python3-prometheus-client). Prints how many families and samples it has; exit 1 when it is not one, 77
without the client."""
import sys

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    sys.exit(77)
try:
    families = list(text_string_to_metric_families(sys.stdin.read()))
except ValueError as error:
    sys.exit(f"not OpenMetrics: {error}")
for family in families:
    if not family.documentation:
        sys.exit(f"{family.name} has no HELP")
    if family.unit and not family.name.endswith("_" + family.unit):
        sys.exit(f"{family.name} does not end in its unit {family.unit}")
print(len(families), sum(len(family.samples) for family in families))
