#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The files of the project, NUL-separated: what git tracks or would, or without git all but the builds.
cd "$(dirname "$0")/../.." || exit 1
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ -f "$file" ] && printf '%s\0' "$file"
		done
else
	find . -path ./.git -prune -o -path './build*' -prune -o -type f -printf '%P\0'
fi
