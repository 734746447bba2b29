#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The container image: its last stage built by buildah from deploy/container/Containerfile, with a Debian
# that debootstrap has made as its base and our package as what the first stage has built; LAB_FULL=1 builds
# the first stage too, in there. Then what is in the image runs in the lab with no capability but the two
# that the page names for an AF_PACKET port, as nobody, and a channel flows through it.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario container
. "$(dirname "$0")/_debian.sh"

command -v buildah >/dev/null || skip_all "buildah is not installed"
debian_begin
debian_package
# Images in a store of this run alone; a RUN is a chroot: no engine, no registry.
b() { buildah --storage-driver vfs --root "$WORK/store" --runroot "$WORK/runroot" "$@"; }
build_base() {
	b from --name base scratch && b add base "$BASE" / && b commit --rm base localhost/debian:here
}
build_image() {
	local context=()
	if [ -z "${LAB_FULL-}" ]; then
		mkdir -p "$WORK/context/out" && cp "$DEB" "$WORK/context/out/" || return 1
		context=(--build-context "build=$WORK/context")
	fi
	b build --isolation chroot --pull-never --build-arg BASE=localhost/debian:here "${context[@]}" \
		-t localhost/inlet:test -f "$LAB_TOP/deploy/container/Containerfile" "$LAB_TOP"
}
export -f b build_base build_image
export WORK BASE DEB LAB_TOP
progress "the image"
checked "a base image is made of the clean system" 300 bash -c build_base || scenario_end
checked "the image is built" 1800 bash -c build_image || scenario_end
b inspect --type image localhost/inlet:test >"$WORK/image.json"
jq -e '.OCIv1.config | .Entrypoint == ["/usr/sbin/inletd"] and .Cmd == ["-c", "/etc/inlet/inlet.conf"]' \
	"$WORK/image.json" >/dev/null
report $? "it starts inletd with its configuration"
container=$(b from --pull-never localhost/inlet:test) && IMAGE=$(b mount "$container")
report $? "a container is made of it"
progress "$(du -sm "$IMAGE" | cut -f 1) MB in it, of which the base system $(du -sm "$ROOT" | cut -f 1)"
check "no compiler, no package of the build and no index is left in it" eval \
	'[ ! -e "$IMAGE/usr/bin/gcc" ] && [ ! -e "$IMAGE/tmp/packages" ] && [ -z "$(ls "$IMAGE/var/lib/apt/lists")" ]'

progress "the lab"
export LAB_WITHOUT=inletd LAB_DEVICE=af_packet
bring_up
lab_inlet() { chroot "$IMAGE" /usr/bin/inlet "$@"; }
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
nobody=65534
mkdir -p "$IMAGE/run/inlet"
chown $nobody:$nobody "$IMAGE/run/inlet"
sed "s#$LAB_SOCKET#/run/inlet/console.sock#" "$LAB_STATE/inlet.conf" >"$IMAGE/etc/inlet/inlet.conf"
inside "$IMAGE"
start() {
	local capabilities=-all,+net_admin,+net_raw
	lab_spawn inletd inlet "${INSIDE_ROOT[@]}" setpriv --reuid $nobody --regid $nobody --clear-groups \
		--bounding-set "$capabilities" --inh-caps "$capabilities" --ambient-caps "$capabilities" --no-new-privs \
		/usr/sbin/inletd -c /etc/inlet/inlet.conf
	lab_wait 60 lab_inletd_ready && lab_wait 30 lab_pim_neighbor
}
check "it runs as nobody with NET_ADMIN and NET_RAW, and FRR is its PIM neighbor" start
[ "$(sed -n 's/^CapBnd:[[:blank:]]*//p; s/^Uid:[[:blank:]]*\([0-9]*\).*/\1/p' "/proc/$(lab_pid inletd)/status" |
	tr '\n' ' ')" = "$nobody 0000000000003000 " ]
report $? "these are all it has"
lab_join "$S" "$G" --seconds 3
check "a receiver's join makes a channel flow" lab_wait 20 state_is "$S" "$G" flowing
check "the receiver counts for 3 s" lab_wait 30 lab_gone "recv-$S-$G"
jq -e '.packets > 500 and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/recv-$S-$G.out" >/dev/null
report $? "packets come out of it, none lost, doubled or damaged ($(jq .packets "$LAB_STATE/recv-$S-$G.out"))"
check "inletd ends cleanly when asked" inletd_ends
progress "done"
scenario_end
