#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The Debian package, as an operator meets it: built from the checkout, looked at by lintian, installed
# with its dependencies in a clean Debian (debootstrap), started from there in the lab, where a channel
# flows through it, installed once more over an edited configuration, removed, purged; then that Debian
# is what it was before, file by file, users and groups too.
# About two minutes on two idle CPUs; the base system, the packages it downloaded and the objects of the
# build stay in build/package, so that the next run takes half of it. Every mount is in a mount namespace
# of the command that needs it, and goes with it.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario package
CACHE=$LAB_TOP/build/package
ROOT=$CACHE/root-$$
CHILD=
begun=$SECONDS

package_clean() {
	local status=$?
	trap '' INT TERM
	[ -z "$CHILD" ] || { kill -TERM "-$CHILD" && wait "$CHILD"; } 2>/dev/null
	lab_down >/dev/null 2>&1
	rm -rf --one-file-system "$ROOT" "$CACHE/base-$$.tar"
	rm -f "$CACHE/step-$$" "$CACHE/before-$$" "$CACHE/after-$$" "$CACHE/groups-$$" "$CACHE/group-$$"
	exit "$status"
}
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
progress() { echo "# $((SECONDS - begun)) s: $*"; }
# step SECONDS COMMAND...: a long command in a session of its own, ended with all it has started when
# the scenario is; its output is in $CACHE/step-$$.
step() {
	local limit=$1 status
	shift
	setsid timeout --kill-after=10 "$limit" "$@" >"$CACHE/step-$$" 2>&1 </dev/null &
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
	[ "$status" -eq 0 ] || tail -n 15 "$CACHE/step-$$" | diag
	return "$status"
}

# inside [INLETD-OPTION]: the mounts of a chroot, then the command in it.
# shellcheck disable=SC2016 # expanded in there
INSIDE='root=$1 archives=$2; shift 2
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" &&
	mount --bind "$archives" "$root/var/cache/apt/archives" || exit 125
exec chroot $CHROOT_OPTIONS "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 \
	DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"'
inside=(env CHROOT_OPTIONS= unshare --mount --propagation private sh -c "$INSIDE" sh "$ROOT" "$CACHE/archives")
apt=(apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold
	-o Dpkg::Options::=--force-unsafe-io -o APT::Install-Recommends=false)

# The base system: from the mirror that this machine's own apt uses.
release() { # the suite that has the base system, and where it is
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		grep -v -e '^[^ ]*[-/]' | head -n 1
}
make_base() { # make_base RELEASE URI TAR
	local include=() uri=$2
	[[ $uri != https:* ]] || include=(--include=ca-certificates)
	mkdir "$ROOT" || return 1
	step 900 unshare --mount --propagation private debootstrap --variant=minbase "${include[@]}" "$1" "$ROOT" \
		"$uri" || return 1
	# As on this machine: its suites, and how it reaches them.
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sort -u >"$ROOT/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(https?::|Check|Retries)' >"$ROOT/etc/apt/apt.conf.d/90machine"
	echo 'Acquire::Languages "none";' >>"$ROOT/etc/apt/apt.conf.d/90machine"
	cp -L /etc/resolv.conf /etc/hosts "$ROOT/etc/" 2>/dev/null
	printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
	chmod 755 "$ROOT/usr/sbin/policy-rc.d"
	# A machine with systemd has it; `systemctl enable` makes links in it.
	mkdir -p "$ROOT/etc/systemd/system/multi-user.target.wants"
	step 300 "${inside[@]}" "${apt[@]}" update || return 1
	tar -C "$ROOT" -cf "$CACHE/base-$$.tar" . && mv "$CACHE/base-$$.tar" "$3"
}

# All that is there, but for the records, locks and caches of the package manager and of addgroup, which
# udev uses (for rdma-core).
snapshot() {
	(
		cd "$ROOT" || exit 1
		find . \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache/apt -o -path ./var/log/apt \
			-o -path ./var/cache/debconf -o -path ./var/cache/ldconfig -o -path ./proc -o -path ./sys \
			-o -path ./dev \) -prune -o \
			! -path ./var/log/dpkg.log ! -path ./var/log/alternatives.log ! -path './etc/*-' \
			! -path ./etc/.pwd.lock ! -path ./run/adduser -printf '%p %y %m %U:%G %l\n' | sort
		find etc usr -type f ! -name '*-' ! -path etc/ld.so.cache ! -path etc/group ! -path etc/gshadow -print0 | sort -z | xargs -0 sha256sum
	)
}
dpkg_status() { chroot "$ROOT" dpkg-query -W -f '${db:Status-Status}' inlet 2>/dev/null; }

command -v debootstrap >/dev/null || skip_all "debootstrap is not installed"
command -v dh >/dev/null || skip_all "debhelper is not installed"
read -r RELEASE URI < <(release)
[ -n "${URI-}" ] || skip_all "apt has no sources here to take a Debian from"
mkdir -p "$CACHE/archives/partial" "$LAB_STATE" || exit 1
trap package_clean EXIT
exec 9>"$CACHE/lock"
flock -w 600 9 || skip_all "another run has been using build/package for 10 minutes"
rm -rf --one-file-system "$CACHE"/root-* "$CACHE"/base-*[0-9].tar "$CACHE"/step-* # of one that was killed

# ---- a clean Debian
base=$CACHE/$RELEASE-$(dpkg --print-architecture).tar
find "$base" -mtime +6 -delete 2>/dev/null # the mirror has moved on
if [ -f "$base" ]; then
	progress "the base system of an earlier run ($RELEASE)"
	mkdir "$ROOT" && tar -C "$ROOT" -xpf "$base" || skip_all "no room for a base system"
else
	progress "debootstrap $RELEASE"
	make_base "$RELEASE" "$URI" "$base" || skip_all "no base system from the mirror: $(tail -n 1 "$CACHE/step-$$")"
fi

# ---- the package
progress "building the package"
commit=$(git -C "$LAB_TOP" status --porcelain 2>/dev/null)
mkdir -p "$CACHE/out" && rm -f "$CACHE"/out/*
checked "the package is built" 1500 env DEB_BUILD_OPTIONS=nocheck \
	"$LAB_TOP/deploy/debian/build" --work "$CACHE" "$CACHE/out" || scenario_end
[ "$(git -C "$LAB_TOP" status --porcelain 2>/dev/null)" = "$commit" ]
report $? "and the checkout is as it was"
deb=$(find "$CACHE/out" -name 'inlet_*.deb')
if command -v lintian >/dev/null; then
	progress "lintian"
	checked "lintian finds nothing, informational tags included" 300 \
		lintian --allow-root --fail-on error,warning,info --display-info "$deb"
	diag <"$CACHE/step-$$"
else
	diag <<<"lintian is not installed"
fi

# ---- installed
snapshot >"$CACHE/before-$$"
cut -d : -f 1 "$ROOT/etc/group" | sort >"$CACHE/groups-$$"
sort "$ROOT/etc/group" >"$CACHE/group-$$"
cp "$deb" "$ROOT/inlet.deb"
progress "installing it with its dependencies"
checked "it installs in the clean system" 900 "${inside[@]}" "${apt[@]}" install /inlet.deb || scenario_end
progress "$(chroot "$ROOT" dpkg-query -W | wc -l) packages are there now"
check "all its files are as packaged" test -z "$(chroot "$ROOT" dpkg --verify inlet)"
check "the group of the console is there" grep -q '^inlet:' "$ROOT/etc/group"
enabled() { find "$ROOT/etc/systemd/system" -name 'inlet*' | grep -q .; }
check "no unit is enabled by installing" eval '! enabled'
check "inletd --help" chroot "$ROOT" inletd --help
check "a manual page for each" ls "$ROOT"/usr/share/man/man{1/inlet,1/inlet-bench,8/inletd,8/inlet-relay}.?.gz \
	"$ROOT/usr/share/man/man5/inlet.conf.5.gz"
chroot "$ROOT" inletd --check /etc/inlet/inlet.conf >"$LAB_STATE/template" 2>&1
[ $? -eq 2 ] && grep -q '/etc/inlet/inlet.conf.*interfaces' "$LAB_STATE/template"
report $? "its configuration is refused until interfaces are named: $(head -n 1 "$LAB_STATE/template")"
if command -v systemctl >/dev/null; then
	check "systemctl enable takes its units" \
		systemctl --root="$ROOT" enable inletd inlet-hugepages inlet-bind@0000:01:00.0
fi

# ---- started from there, in the lab
progress "the lab"
lab_inlet() { chroot "$ROOT" /usr/bin/inlet "$@"; }
export LAB_WITHOUT=inletd
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
sed "s#$LAB_SOCKET#/run/inlet/console.sock#" "$LAB_STATE/inlet.conf" >"$ROOT/etc/inlet/inlet.conf"
check "inletd --check takes the lab's configuration" chroot "$ROOT" inletd --check /etc/inlet/inlet.conf
# As the unit starts it: root with the group of the console.
start() {
	lab_spawn inletd inlet env CHROOT_OPTIONS=--userspec=root:inlet unshare --mount --propagation private \
		sh -c "$INSIDE" sh "$ROOT" "$CACHE/archives" /usr/sbin/inletd -c /etc/inlet/inlet.conf
	lab_wait 60 lab_inletd_ready && lab_wait 30 lab_pim_neighbor
}
check "it runs, and FRR is its PIM neighbor" start
check "it is the package's program that runs" eval \
	'[ "$(readlink "/proc/$(lab_pid inletd)/root")" = "$ROOT" ]'
[ "$(stat -c '%A %U' "$ROOT/run/inlet/console.sock") $(stat -c %g "$ROOT/run/inlet/console.sock")" = \
	"srw-rw---- root $(sed -n 's/^inlet:[^:]*:\([0-9]*\):.*/\1/p' "$ROOT/etc/group")" ]
report $? "the console is open to root and the group inlet"
lab_join "$S" "$G" --seconds 5
check "a receiver's join makes a channel flow" lab_wait 20 state_is "$S" "$G" flowing
check "the receiver counts for 5 s" lab_wait 30 lab_gone "recv-$S-$G"
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "packets come out of it, none lost, doubled or damaged ($(jq .packets "$LAB_STATE/recv-$S-$G.out"))"
check "inletd ends cleanly when asked" inletd_ends

# ---- once more, removed, purged
edited=$(sha256sum <"$ROOT/etc/inlet/inlet.conf")
progress "installing it again, removing, purging"
checked "it installs over itself" 300 "${inside[@]}" dpkg --force-confold --install /inlet.deb
[ "$(sha256sum <"$ROOT/etc/inlet/inlet.conf")" = "$edited" ]
report $? "and leaves the edited configuration alone"
checked "it is removed" 300 "${inside[@]}" "${apt[@]}" remove inlet
check "which leaves the configuration, and no program" \
	eval '[ -f "$ROOT/etc/inlet/inlet.conf" ] && [ ! -e "$ROOT/usr/sbin/inletd" ]'
checked "it is purged, and what it needed" 600 "${inside[@]}" "${apt[@]}" purge --autoremove inlet
rm -f "$ROOT/inlet.deb"
check "dpkg knows it no more" test -z "$(dpkg_status)"
check "no user and no group of it is left" eval '! grep -q inlet "$ROOT"/etc/{passwd,group,shadow,gshadow}'
# Groups that what it needs has made and left (udev, for rdma-core) are not its own: shown, not judged.
cut -d : -f 1 "$ROOT/etc/group" | sort | comm -13 "$CACHE/groups-$$" - | sed 's/^/# group left by a dependency: /'
check "and none that was there is gone or changed" \
	eval '[ -z "$(sort "$ROOT/etc/group" | comm -23 "$CACHE/group-$$" -)" ]'
snapshot >"$CACHE/after-$$"
diff "$CACHE/before-$$" "$CACHE/after-$$" >"$LAB_STATE/trace"
report $? "every file is as before the installation ($(wc -l <"$CACHE/before-$$") lines compared)"
head -n 30 "$LAB_STATE/trace" | diag
check "no mount is left" eval '! grep -qF "$CACHE" /proc/self/mounts'
progress "done"
scenario_end
