#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a command in this tree on another suite of Debian: in a chroot that debootstrap makes at the
# first use and that is kept. Its build/ is separate from the tree's. All mounts are in a namespace
# that ends with the command: none is left after Ctrl-C or a kill, and nothing outside of the chroot
# can be deleted through one.
# usage: scripts/in_suite.sh SUITE COMMAND [ARGUMENT...]     (as root)
#   TILEWAKE_CHROOTS  directory of the chroots, 10 GB each (default: /var/tmp/tilewake-chroots)
#   TILEWAKE_MIRROR   mirror of Debian (default: http://deb.debian.org/debian)
# The settings of apt for proxies and dates hold in the chroot, too.
set -eu

if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
  sed -n '3,10s/^# //p' "$0"
  exit 0
fi
if [ $# -lt 2 ] || [ -n "$(printf %s "$1" | tr -d 'a-z')" ] || [ -z "$1" ]; then
  echo "in_suite.sh: expected a suite such as trixie, and a command (see --help)" >&2
  exit 2
fi
suite=$1
shift
tree=$(cd "$(dirname "$0")/.." && pwd -P)
chroots=${TILEWAKE_CHROOTS:-/var/tmp/tilewake-chroots}
mirror=${TILEWAKE_MIRROR:-http://deb.debian.org/debian}
root=$chroots/$suite

fail() {
  echo "in_suite.sh: $*" >&2
  exit 1
}
[ "$(id -u)" -eq 0 ] || fail "needs root, to make and enter a chroot: run it with sudo"
for program in debootstrap unshare flock chroot; do
  command -v "$program" >/dev/null ||
    fail "needs $program: apt-get install --no-install-recommends debootstrap util-linux coreutils"
done
[ -e "/usr/share/debootstrap/scripts/$suite" ] || [ -e "$root/.complete" ] ||
  fail "debootstrap has no suite '$suite'; 'ls /usr/share/debootstrap/scripts' lists them"
unshare --mount --pid --fork true 2>/dev/null ||
  fail "this system does not allow new mounts (a container without privileges?)"

mkdir -p "$chroots" "$tree/build"
exec 9>"$root.lock"
flock -n 9 || fail "another run uses $root"

# As a child, so that signals end the namespace with all that runs in it.
inside() {
  unshare --mount --propagation private --pid --fork --kill-child "$@" <&0 &
  child=$!
  trap 'kill -KILL "$child" 2>/dev/null; exit 130' INT TERM HUP
  code=0
  wait "$child" || code=$?
  trap - INT TERM HUP
  return "$code"
}

if [ ! -e "$root/.complete" ]; then
  echo "in_suite.sh: making $root from $mirror"
  rm -rf --one-file-system "$root.partial"
  inside debootstrap --variant=minbase "$suite" "$root.partial" "$mirror" ||
    fail "cannot make $root.partial from $mirror (TILEWAKE_MIRROR, http_proxy); see above"
  mv "$root.partial" "$root"
  touch "$root/.complete"
fi
if command -v apt-config >/dev/null; then
  apt-config dump | grep -E '^Acquire::(https?::|Check-)' >"$root/etc/apt/apt.conf.d/99host" || true
fi
for file in /etc/resolv.conf /etc/hosts; do
  [ ! -r "$file" ] || cat "$file" >"$root$file"
done
mkdir -p "$root/src" "$root/var/build"

# shellcheck disable=SC2016  # expanded by the inner shell
inside sh -euc '
  root=$1 tree=$2
  shift 2
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount --bind "$tree" "$root/src"
  mount --bind "$root/var/build" "$root/src/build"
  exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    TERM="${TERM:-dumb}" ${CI:+CI="$CI"} \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    sh -c "cd /src && exec \"\$@\"" sh "$@"
' sh "$root" "$tree" "$@"
