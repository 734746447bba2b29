# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the scenarios package and container share: a clean Debian from the mirror of this machine's own apt,
# and our package, built. Sourced after _lib.sh. What can be used again stays in build/package: the base
# system for six days, the packages that it downloaded, the objects of the build. Every mount is in a mount
# namespace of the command that needs it, and goes with it.

CACHE=$LAB_TOP/build/package
WORK=$CACHE/run-$$ # of this run
ROOT=$WORK/root
CHILD=
SECONDS=0

debian_clean() {
	local status=$?
	trap '' INT TERM
	[ -z "$CHILD" ] || { kill -TERM "-$CHILD" && wait "$CHILD"; } 2>/dev/null
	lab_down >/dev/null 2>&1
	rm -rf --one-file-system "$WORK"
	exit "$status"
}
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
progress() { echo "# $SECONDS s: $*"; }
# step SECONDS COMMAND...: a long command in a session of its own, ended with all it has started when
# the scenario is; its output is in $WORK/step.
step() {
	local limit=$1 status
	shift
	setsid timeout --kill-after=10 "$limit" "$@" >"$WORK/step" 2>&1 </dev/null &
	CHILD=$!
	wait "$CHILD"
	status=$?
	CHILD=
	return "$status"
}
checked() { # checked TEXT SECONDS COMMAND...: a step as a check, its last lines shown when it fails
	local text=$1 status
	shift
	step "$@"
	status=$?
	report "$status" "$text"
	[ "$status" -eq 0 ] || tail -n 15 "$WORK/step" | diag
	return "$status"
}

# The mounts of a chroot, then the command in it; $CHROOT_OPTIONS are words for chroot.
# shellcheck disable=SC2016 # expanded in there
INSIDE='root=$1 archives=$2; shift 2
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" &&
	mount --bind "$archives" "$root/var/cache/apt/archives" || exit 125
exec chroot $CHROOT_OPTIONS "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 \
	DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"'
# inside ROOT: the words that run a command there
inside() { INSIDE_ROOT=(env "CHROOT_OPTIONS=${2-}" unshare --mount --propagation private sh -c "$INSIDE" sh "$1" "$CACHE/archives"); }
# shellcheck disable=SC2034 # read by who sources this
APT=(apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold
	-o Dpkg::Options::=--force-unsafe-io -o APT::Install-Recommends=false)

debian_release() { # the suite that has the base system, and where it is
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		grep -v -e '^[^ ]*[-/]' | head -n 1
}
debian_make_base() { # debian_make_base RELEASE URI TAR
	local include=()
	[[ $2 != https:* ]] || include=(--include=ca-certificates)
	mkdir "$ROOT" || return 1
	step 900 unshare --mount --propagation private debootstrap --variant=minbase "${include[@]}" "$1" "$ROOT" \
		"$2" || return 1
	# As on this machine: its suites, and how it reaches them.
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sort -u >"$ROOT/etc/apt/sources.list"
	{
		apt-config dump | grep -E '^Acquire::(https?::|Check|Retries)'
		echo 'Acquire::Languages "none";'
	} >"$ROOT/etc/apt/apt.conf.d/90machine"
	cp -L /etc/resolv.conf /etc/hosts "$ROOT/etc/" 2>/dev/null
	printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
	chmod 755 "$ROOT/usr/sbin/policy-rc.d"
	# A machine with systemd has it; `systemctl enable` makes links in it.
	mkdir -p "$ROOT/etc/systemd/system/multi-user.target.wants"
	inside "$ROOT"
	step 300 "${INSIDE_ROOT[@]}" "${APT[@]}" update || return 1
	tar -C "$ROOT" -cf "$WORK/base.tar" . && mv "$WORK/base.tar" "$3"
}

# debian_begin: the scenario is cleaned up whatever happens, BASE is the base system's archive, and the
# base system stands in $ROOT; or the scenario is skipped, with the reason.
debian_begin() {
	local release uri
	command -v debootstrap >/dev/null || skip_all "debootstrap is not installed"
	command -v dh >/dev/null || skip_all "debhelper is not installed"
	read -r release uri < <(debian_release)
	[ -n "${uri-}" ] || skip_all "apt has no sources here to take a Debian from"
	mkdir -p "$CACHE/archives/partial" "$LAB_STATE" || exit 1
	trap debian_clean EXIT
	exec 9>"$CACHE/lock"
	flock -w 900 9 || skip_all "another run has been using build/package for 15 minutes"
	rm -rf --one-file-system "$CACHE"/run-* # of one that was killed
	mkdir "$WORK" || exit 1
	BASE=$CACHE/$release-$(dpkg --print-architecture).tar
	find "$BASE" -mtime +6 -delete 2>/dev/null # the mirror has moved on
	if [ -f "$BASE" ]; then
		progress "the base system of an earlier run ($release)"
		mkdir "$ROOT" && tar -C "$ROOT" -xpf "$BASE" || skip_all "no room for a base system"
	else
		progress "debootstrap $release"
		debian_make_base "$release" "$uri" "$BASE" ||
			skip_all "no base system from the mirror: $(tail -n 1 "$WORK/step")"
	fi
}
# debian_package: DEB is our package, built; or the scenario is over.
debian_package() {
	progress "building the package"
	mkdir -p "$CACHE/out" && rm -f "$CACHE"/out/*
	checked "the package is built" 1500 env DEB_BUILD_OPTIONS=nocheck \
		"$LAB_TOP/deploy/debian/build" --work "$CACHE" "$CACHE/out" || scenario_end
	# shellcheck disable=SC2034 # read by who sources this
	DEB=$(find "$CACHE/out" -name 'inlet_*.deb')
}
