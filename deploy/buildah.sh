#!/usr/bin/env bash
# Builds the image where no Docker engine runs: with buildah, without privileges of a daemon.
#
#   deploy/buildah.sh [-t IMAGE] [-w FOLDER] [-c FOLDER] [-T BACKEND] [BENTO]
#
# BENTO is the tag of a Bento, by default the newest. The base image python:3.11-slim is pulled; if
# that cannot be, one of the same name is made with debootstrap, of Debian 12, whose Python is 3.11.
# Needs buildah and, for the latter, debootstrap and root.
set -euo pipefail

image=sentiment:latest
wheels=
certificates=
torch=cpu

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    cat <<'OPTIONS'
  -t IMAGE    name of the image (sentiment:latest)
  -w FOLDER   wheels that are preferred to those of the index, such as one of torch for the CPU
  -c FOLDER   certificates to trust while building, such as /etc/ssl/certs
  -T BACKEND  build of torch, as uv names it: cpu, cu130, …; none for that of the index or -w (cpu)
OPTIONS
}

while getopts "t:w:c:T:h" option; do
    case $option in
    t) image=$OPTARG ;;
    w) wheels=$(realpath "$OPTARG") ;;
    c) certificates=$(realpath "$OPTARG") ;;
    T) torch=$OPTARG ;;
    h) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
bento=${1:-sentiment:latest}
[ "$torch" = none ] && torch=

base=python:3.11-slim
if ! buildah pull --quiet "docker.io/library/$base" >/dev/null 2>&1 &&
    ! buildah inspect --type image "localhost/$base" >/dev/null 2>&1; then
    echo "$base cannot be pulled: making one with debootstrap" >&2
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase --include=ca-certificates,python3-venv,python3-pip bookworm "$root" >&2
    rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/var/log
    ln -s python3 "$root/usr/bin/python"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / >/dev/null
    buildah commit --quiet "$container" "localhost/$base" >/dev/null
    buildah rm "$container" >/dev/null
fi
if buildah inspect --type image "localhost/$base" >/dev/null 2>&1; then
    base=localhost/$base
fi

options=(--isolation chroot --network host --format docker --tag "$image")
options+=(--build-arg "BASE=$base" --build-arg "TORCH=$torch")
if [ -n "$wheels" ]; then
    options+=(--volume "$wheels:/wheels:ro" --build-arg UV_FIND_LINKS=/wheels)
fi
if [ -n "$certificates" ]; then
    options+=(--volume "$certificates:/etc/ssl/certs:ro" --build-arg UV_SYSTEM_CERTS=1)
fi
# As `bentoml containerize --backend buildah` does it, which takes no more than one volume.
python=$(dirname "$(realpath "$(command -v bentoml)")")/python
# BentoML looks for the template of the Dockerfile below the current folder, and for nothing else.
cd "${TMPDIR:-/tmp}"
"$python" - "$bento" "${options[@]}" <<'PYTHON'
import subprocess
import sys

import bentoml
from bentoml._internal.container import construct_containerfile

_, tag, *options = sys.argv
with construct_containerfile(bentoml.get(tag), enable_buildkit=False) as (context, dockerfile):
    sys.exit(subprocess.call(["buildah", "bud", *options, "--file", dockerfile, context]))
PYTHON
