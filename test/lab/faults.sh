#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The quick rows of test/lab/faults.
exec "$(dirname "$0")/faults" --quick
