#!/usr/bin/env bash
# Install with apt what the tests use beyond Python. Each test skips in words where its program is missing.
set -euo pipefail

programs=(
  chromium                # the web pages
  fonts-ipafont-gothic    # the page in Japanese, in its pictures
  prometheus              # the dashboard's queries and the alerts
  imagemagick             # colours, read by a third decoder
  libimage-exiftool-perl  # what a result keeps of its source's metadata
  nodejs npm              # Tinify's client for Node
  nginx caddy haproxy     # proxies and balancers by the files of deploy/
  systemd                 # the units, under a systemd of its own
  pgbouncer postgresql-client # a pooler before the database, and a cluster's backup
  curl                    # the examples of the documentation
  iproute2                # workers on a network of their own
  gcc libc6-dev           # the native kernels
  clang libclang-rt-dev zlib1g-dev # the native kernels under the sanitizers
)

missing=()
for program in "${programs[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$program" 2>/dev/null | grep -qx installed || missing+=("$program")
done
if ((${#missing[@]} == 0)); then exit; fi

sudo=()
if ((EUID != 0)); then sudo=(sudo); fi
"${sudo[@]}" apt-get update -qq
# One by one: a suite that lacks one of them still has the others.
for program in "${missing[@]}"; do
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$program" >/dev/null ||
    echo "install_test_programs: $program could not be installed: its tests are skipped" >&2
done
