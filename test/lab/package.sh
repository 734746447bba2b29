#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The Debian package, as an operator meets it: built from the checkout, looked at by lintian, installed
# with its dependencies in a clean Debian (debootstrap), started from there in the lab, where a channel
# flows through it, installed once more over an edited configuration, removed, purged; then that Debian
# is what it was before, file by file, users and groups too.
# Two to three minutes on two idle CPUs, half of it when it is run again (_debian.sh).
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario package
. "$(dirname "$0")/_debian.sh"

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
		find etc usr -type f ! -name '*-' ! -path etc/ld.so.cache ! -path etc/group ! -path etc/gshadow -print0 |
			sort -z | xargs -0 sha256sum
	)
}
dpkg_status() { chroot "$ROOT" dpkg-query -W -f '${db:Status-Status}' inlet 2>/dev/null; }

debian_begin
around() { (cd "$LAB_TOP" && ls -d debian ./obj-* && ls -A deploy/debian) 2>/dev/null; } # where a build leaves things
around=$(around)
debian_package
[ "$(around)" = "$around" ]
report $? "and the checkout is as it was"
if command -v lintian >/dev/null; then
	progress "lintian"
	checked "lintian finds nothing, informational tags included" 300 \
		lintian --allow-root --fail-on error,warning,info --display-info "$DEB"
	diag <"$WORK/step"
else
	diag <<<"lintian is not installed"
fi

# ---- installed
inside "$ROOT"
snapshot >"$WORK/before"
cut -d : -f 1 "$ROOT/etc/group" | sort >"$WORK/groups"
sort "$ROOT/etc/group" >"$WORK/group"
cp "$DEB" "$ROOT/inlet.deb"
progress "installing it with its dependencies"
checked "it installs in the clean system" 900 "${INSIDE_ROOT[@]}" "${APT[@]}" install /inlet.deb || scenario_end
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
	inside "$ROOT" --userspec=root:inlet
	lab_spawn inletd inlet "${INSIDE_ROOT[@]}" /usr/sbin/inletd -c /etc/inlet/inlet.conf
	inside "$ROOT"
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
checked "it installs over itself" 300 "${INSIDE_ROOT[@]}" dpkg --force-confold --install /inlet.deb
[ "$(sha256sum <"$ROOT/etc/inlet/inlet.conf")" = "$edited" ]
report $? "and leaves the edited configuration alone"
checked "it is removed" 300 "${INSIDE_ROOT[@]}" "${APT[@]}" remove inlet
check "which leaves the configuration, and no program" \
	eval '[ -f "$ROOT/etc/inlet/inlet.conf" ] && [ ! -e "$ROOT/usr/sbin/inletd" ]'
checked "it is purged, and what it needed" 600 "${INSIDE_ROOT[@]}" "${APT[@]}" purge --autoremove inlet
rm -f "$ROOT/inlet.deb"
check "dpkg knows it no more" test -z "$(dpkg_status)"
check "no user and no group of it is left" eval '! grep -q inlet "$ROOT"/etc/{passwd,group,shadow,gshadow}'
# Groups that what it needs has made and left (udev, for rdma-core) are not its own: shown, not judged.
cut -d : -f 1 "$ROOT/etc/group" | sort | comm -13 "$WORK/groups" - | sed 's/^/# group left by a dependency: /'
check "and none that was there is gone or changed" \
	eval '[ -z "$(sort "$ROOT/etc/group" | comm -23 "$WORK/group" -)" ]'
snapshot >"$WORK/after"
diff "$WORK/before" "$WORK/after" >"$LAB_STATE/trace"
report $? "every file is as before the installation ($(wc -l <"$WORK/before") lines compared)"
head -n 30 "$LAB_STATE/trace" | diag
check "no mount is left" eval '! grep -qF "$CACHE" /proc/self/mounts'
progress "done"
scenario_end
