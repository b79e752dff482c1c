#!/bin/sh
# Makes a base image from Debian packages alone, for machines that reach no image registry:
#
#   docker/base.sh touchstone-base:trixie              makes it and imports it into Docker
#   docker/base.sh touchstone-base:trixie base.tar     keeps the file system in base.tar, or takes it
#                                                      from there when the file exists
#
# Needs mmdebstrap, and root or user namespaces. SUITE and MIRROR choose the packages (MIRROR may be
# a snapshot.debian.org address); with SOURCE_DATE_EPOCH set the same packages give the same bytes.
set -eu

image=${1:?usage: docker/base.sh IMAGE [TARBALL]}
tarball=${2:-}
suite=${SUITE:-trixie}
mirror=${MIRROR:-http://deb.debian.org/debian}

if [ -z "$tarball" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  tarball=$folder/base.tar
fi
if [ ! -f "$tarball" ]; then
  # Written aside and renamed, so that an interrupted run leaves no half of a file system behind.
  mmdebstrap --quiet --variant=essential --format=tar \
    --include=bubblewrap,ca-certificates,nodejs,util-linux,xz-utils \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$tarball.part" "$mirror"
  mv "$tarball.part" "$tarball"
fi
docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$tarball" "$image"
