#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The quick rows of test/lab/floods.
exec "$(dirname "$0")/floods" --quick
