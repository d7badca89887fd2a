#!/usr/bin/env bash
# Builds the image with buildah, where no Docker engine runs.
#
#   deploy/buildah.sh [-t IMAGE] [-w FOLDER] [-c FOLDER] [-T BACKEND] [BENTO]
#
# BENTO is the tag of a Bento, by default the newest. The script pulls the base image
# python:3.11-slim. If that fails, it makes one of this name from Debian 12, which has Python 3.11.
# Needs buildah; to make the base image also debootstrap and root.
set -euo pipefail

image=sentiment:latest
wheels=
certificates=
torch=cpu

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    cat <<'OPTIONS'
  -t IMAGE    name of the image (sentiment:latest)
  -w FOLDER   wheels to prefer to those of the index, such as torch's CPU build
  -c FOLDER   certificates to trust during the build, such as /etc/ssl/certs
  -T BACKEND  build of torch, in uv's terms: cpu, cu130, …; none takes it from the index or -w (cpu)
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
    echo "$base cannot be pulled; making it with debootstrap" >&2
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
# `bentoml containerize --backend buildah` accepts only one volume: a backend of our own passes all.
python=$(dirname "$(realpath "$(command -v bentoml)")")/python
# BentoML looks for the template of the Dockerfile below the current folder only.
cd "${TMPDIR:-/tmp}"
"$python" - "$bento" "${options[@]}" <<'PYTHON'
import sys

from bentoml import container

_, tag, *options = sys.argv
container.register_backend(
    "plain-buildah",
    binary="buildah",
    build_cmd=["bud"],
    buildkit_support=False,
    health=lambda: True,
    construct_build_args=lambda file, context_path, **_: [*options, "--file", file, context_path],
)
# BentoML logs an error of the builder, and returns None.
sys.exit(container.build(tag, backend="plain-buildah") is None)
PYTHON
