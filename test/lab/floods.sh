#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Some floods of test/lab/floods, one of each kind, shorter.
exec "$(dirname "$0")/floods" --quick arp joins amt-data console
