# SPDX-License-Identifier: Apache-2.0
# Sourced by ./run, ./test and scripts/fetch-default-model: what they share. Everything it says goes to standard error, so that
# standard output belongs to the program that is run.

project=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

build_packages=(g++ cmake ninja-build ccache libfmt-dev libspdlog-dev libexpected-dev nlohmann-json3-dev libcli11-dev
  libpcre2-dev libedit-dev libboost1.81-dev libssl-dev libcurl4-openssl-dev ca-certificates libsqlite3-dev prometheus-cpp-dev
  libtomlplusplus-dev zlib1g-dev
  libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev
  node-markdown-it node-dompurify libjs-highlight.js libjs-chart.js pkg-config)
test_packages=(libgtest-dev libgmock-dev)
browser_packages=(chromium fonts-dejavu-core python3-venv)
clang_packages=(clang libclang-rt-14-dev)
model_packages=(python3-pip unzip)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
  say "$@"
  exit 1
}

# Installs those of the packages that are missing; says nothing when all are there.
need_packages() {
  command -v dpkg-query >/dev/null ||
    fail "expected a Debian or Ubuntu system, found no dpkg; install the equivalents of $* and build with cmake"
  local installed missing=() package
  # A package that dpkg has never heard of makes it fail, which is the answer and not a problem.
  installed=" $({ dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null || true; } |
    sed -n 's/^.i //p' | tr '\n' ' ')"
  for package in "$@"; do
    [[ $installed == *" $package "* ]] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail "these packages are missing and can be installed by root alone: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "the packages could not be installed; run: apt-get install ${missing[*]}"
  fi
  rm -f "$log"
}

# For builds that are made once and used: halves the time (cmake/folders.cmake).
whole="-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=6"

# build FOLDER "CMAKE OPTIONS" [TARGET...]: builds the targets (all without any) below the project's FOLDER. Quiet unless it
# fails; configures the first time alone, later ninja sees what changed.
build() {
  local folder=$project/$1 options=$2
  shift 2
  local log=$folder/build.log
  mkdir -p "$folder" || fail "cannot write to $project; give yourself the right to, or copy the project elsewhere"
  [ -e "$folder/build.ninja" ] || say "building in $folder, which takes some minutes the first time"
  # A configuration that was interrupted has a cache and no build.ninja: it is simply repeated.
  # shellcheck disable=SC2086  # options are words
  if ! { { [ -e "$folder/build.ninja" ] || cmake -S "$project" -B "$folder" -G Ninja $options; } &&
    ninja -C "$folder" "$@"; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    fail "the build failed; all of its output is in $log"
  fi
}
