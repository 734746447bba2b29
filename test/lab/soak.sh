#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The soak in its short form: half a minute of churn, after which everything is back where it was. Too short for
# a slope; test/run soak takes ten minutes, test/lab/soak --seconds 3600 an hour.
exec "$(dirname "$0")/soak" --seconds 25
