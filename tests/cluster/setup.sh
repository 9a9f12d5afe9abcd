#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests of clusters need: Slurm and Open MPI from Debian. No service is started or kept enabled.
# usage: tests/cluster/setup.sh     (as root, or as a user with passwordless sudo; safe to run twice)
set -eu

case "${1:-}" in
  "") ;;
  -h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
  *) echo "setup.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo -n"
$as_root apt-get -q update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
  slurmctld slurmd slurm-client munge openmpi-bin iproute2
# The packages enable services that wait for /etc/slurm/slurm.conf.
if command -v systemctl >/dev/null; then
  $as_root systemctl disable --quiet slurmctld slurmd munge
fi
