#!/usr/bin/env bash
# Try this commit on a machine that has never seen it: a minimal Debian, an ordinary user, no pip, no compiler.
#
#   fresh_machine.sh [--suite bookworm|trixie|sid] [--with PACKAGE]... [--programs] [--keep FOLDER] [COMMAND...]
#
# Run as root, with debootstrap, from a checkout. Clones HEAD into the machine, runs `make serve`, sends a picture by the
# line that it prints, ends it as Ctrl-C does, starts it once more without a network, then runs COMMAND (make test-quick).
# --with installs packages (gcc libc6-dev), --programs what scripts/install_test_programs.sh lists, --keep leaves the
# machine in FOLDER. Roots that debootstrap made stay in .tools/fresh-machines: remove one to have it made anew.
set -euo pipefail

suite=trixie keep='' programs='' packages=()
while (($#)); do
  case $1 in
    --suite) suite=${2:?}; shift ;;
    --with) packages+=("${2:?}"); shift ;;
    --programs) programs=yes ;;
    --keep) keep=$(realpath -m -- "${2:?}"); shift ;;
    -*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) break ;;
  esac
  shift
done

cd "$(dirname "$0")/.."
user=newcomer home=/home/newcomer
base=$PWD/.tools/fresh-machines/$suite
for tool in debootstrap unshare chroot git; do
  command -v "$tool" >/dev/null || { echo "fresh_machine: $tool is missing" >&2; exit 2; }
done
((EUID == 0)) || { echo "fresh_machine: to be run as root" >&2; exit 2; }

mkdir -p "${base%/*}"
work=$(mktemp -d "${base%/*}/run.XXXXXX")
root=${keep:-$work/root}
trap 'rm -rf --one-file-system "$work"' EXIT # what a step mounted went with its namespace


# ---- The machine -----------------------------------------------------------------------------------------------------

# Run a command as a step: one line where it works, the end of its output where it does not.
step() {
  local since=$SECONDS
  if "${@:2}" >"$work/log" 2>&1 </dev/null; then
    echo "ok: $1 ($((SECONDS - since)) s)"
  else
    echo "FAILED: $1 ($((SECONDS - since)) s)"
    tail -n "${FRESH_MACHINE_LINES:-60}" "$work/log"
    exit 1
  fi
}

# Run a command where mounts and processes are its own, and end with it.
apart() {
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc ${no_network:+--net} "$@"
}

make_base() {
  local mirror
  # shellcheck disable=SC2016 # the format is apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Suite: stable' |
    grep -m 1 '^http' || true)
  rm -rf "$base.new"
  apart debootstrap --variant=minbase --include=python3,make,ca-certificates,curl,git "$suite" "$base.new" \
    ${mirror:+"$mirror"}
  mv -T "$base.new" "$base"
}

# How this host reaches its package indexes goes along, in variables and files; folders and interpreters do not.
settings_of_this_host() {
  cp -a --reflink=auto "$base" "$root"
  cp -L --remove-destination /etc/resolv.conf /etc/hosts "$root/etc/"
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check-)' >"$root/etc/apt/apt.conf.d/99host" || true
  local file
  for file in /etc/pip.conf /etc/uv/uv.toml ~/.config/pip/pip.conf ~/.config/uv/uv.toml /etc/ssl/certs/ca-certificates.crt; do
    if [[ -f $file ]]; then install -D -m 0644 "$file" "$root${file/#"$HOME"\//"$home/"}"; fi
  done
  chroot "$root" useradd --create-home --shell /bin/bash "$user"
}

carried=()
while IFS= read -r name; do
  if [[ $name != UV_PY* && $name != UV_PROJECT* && ! -d ${!name} ]]; then carried+=("$name=${!name}"); fi
done < <(compgen -e | grep -E '^(PIP_|UV_|SSL_CERT_FILE$|REQUESTS_CA_BUNDLE$)|_(PROXY|proxy)$')

# Run a command on the machine as a user, with the environment of a login.
inside() {
  # shellcheck disable=SC2016 # for the other shell
  apart bash -euc '
    mount --bind "$0" "$0"
    mount -o remount,bind,dev,suid,exec "$0"
    mount -t proc proc "$0/proc"
    mount --rbind /sys "$0/sys"
    mount --rbind /dev "$0/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
    ip link set lo up 2>/dev/null || true
    exec chroot --userspec="$1" "$0" /usr/bin/env -i --default-signal=INT HOME="$2" USER="$1" LANG=C.UTF-8 TERM=dumb \
      PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "${@:3}"
  ' "$root" "$1" "$2" "${carried[@]}" "${@:3}"
}

install_packages() {
  if ((${#packages[@]})); then
    inside root /root sh -euc 'apt-get update -qq; apt-get install -y -qq --no-install-recommends "$@"' sh "${packages[@]}"
  fi
  if [[ -n $programs ]]; then inside root /root bash "$home/leanpix/scripts/install_test_programs.sh"; fi
}

clone() {
  git -c safe.directory="*" clone --quiet --no-hardlinks "file://$PWD" "$root$home/leanpix"
  chroot "$root" chown -R "$user": "$home"
}


# ---- What a newcomer does --------------------------------------------------------------------------------------------

serve_a_picture() {
  # shellcheck disable=SC2016 # for the other shell
  inside "$user" "$home" LEANPIX_PORT="$port" bash -euc '
    set -m
    fail() { cat ~/serve.log; echo "$1"; exit 1; }
    cd ~/leanpix
    make serve >~/serve.log 2>&1 &
    until curl -fsS -o /dev/null "http://127.0.0.1:$LEANPIX_PORT/healthz" 2>/dev/null; do
      kill -0 $! 2>/dev/null || fail "make serve ended before it answered"
      ((SECONDS < 300)) || fail "no answer after 300 seconds"
      sleep 0.2
    done
    # The first start alone prints the line with the key.
    if grep -q "^ *curl " ~/serve.log; then sed -n "/^ *curl /{:a;p;/\\\\$/!q;n;ba}" ~/serve.log >~/request; fi
    cp docs/images/page-light.webp ~/photo.jpg
    (cd && bash request >answer) || fail "the printed line failed"
    grep -q "\"state\": *1[,}]" ~/answer || fail "no result: $(head -c 300 ~/answer)"
    kill -INT -- -$!
    wait $! || (($? == 130)) || fail "it ended with another status than that of Ctrl-C"
    if grep -q Traceback ~/serve.log; then fail "it ended with a traceback"; fi'
}

port=$((20000 + RANDOM % 10000))
no_network=''
if [[ -d $base ]]; then echo "ok: Debian $suite, made before"; else step "Debian $suite" make_base; fi
step "this host's settings" settings_of_this_host
step "git clone" clone
step "packages" install_packages
step "make serve, a picture, Ctrl-C" serve_a_picture
no_network=yes step "the same again without a network" serve_a_picture
if (($#)); then step "$*" inside "$user" "$home" env --chdir="$home/leanpix" "$@"; fi
