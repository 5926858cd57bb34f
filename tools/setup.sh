#!/usr/bin/env bash
# Make or bring up to date the environment that `make setup` promises.
# Usage: tools/setup.sh VENV [PYTHON]
set -euo pipefail
venv=$1
wanted=${2:-}

is_supported() { # Shims of version managers exist for versions that are not there: so the interpreter is run.
  "$1" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1
}

if [[ -x $venv/bin/python ]]; then
  is_supported "$venv/bin/python" || { echo "headway: $venv has no Python 3.11 or 3.12; 'make clean' removes it" >&2; exit 1; }
else
  python=
  for candidate in ${wanted:-python3 python3.11 python3.12 python}; do
    if is_supported "$candidate"; then python=$(command -v "$candidate"); break; fi
  done
  if [[ -z $python ]]; then
    echo "headway: needs Python 3.11 or 3.12, and ${wanted:-none of python3, python3.11, python3.12, python} is not one;" \
      "install one, or name one: make setup PYTHON=/path/to/python3.12" >&2
    exit 1
  fi
fi

# uv knows neither pip's configuration nor its variables: hand on the folders where pip would look for wheels, without
# which a machine that keeps a CPU build of torch there would fetch gigabytes of CUDA instead. A folder that is not
# there is fatal to uv, and only a warning to pip.
find_links() {
  local link links=${PIP_FIND_LINKS:-}
  for pip in "${python:-$venv/bin/python} -m pip" pip3 pip; do
    [[ -z $links ]] || break
    links=$($pip config get global.find-links 2>/dev/null || $pip config get install.find-links 2>/dev/null || true)
  done
  for link in $links; do
    if [[ $link == *://* || -e $link ]]; then printf '%s,' "$link"; fi
  done
}

quiet=
[[ -t 1 ]] || { quiet=--quiet; echo "headway: installing into $venv (with pip alone, this takes minutes)"; }
if ! uv=$(command -v uv); then
  [[ -x $venv/bin/python ]] || "$python" -m venv "$venv" || {
    rm -rf "$venv"
    echo "headway: $python cannot make an environment; on Debian and Ubuntu install its -venv package, or install uv" >&2
    exit 1
  }
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --default-pip
  # uv installs ten times as fast, so pip is asked for no more than uv, where it can be had.
  "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check \
    --constraint constraints.txt uv 2>/dev/null && uv=$venv/bin/uv || uv=
fi
with_uv() {
  [[ -n $uv ]] || return 1
  [[ -x $venv/bin/python ]] || "$uv" venv --quiet --python "$python" "$venv"
  if [[ -z ${UV_FIND_LINKS:-} ]]; then
    links=$(find_links)
    export UV_FIND_LINKS=${links%,}
  fi
  "$uv" pip install --compile-bytecode $quiet --python "$venv/bin/python" --constraint constraints.txt --editable '.[dev,simulation]'
}
with_uv || {
  [[ -z $uv ]] || echo "headway: uv could not install (a registry that only pip is told of?); so pip does" >&2
  [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install $quiet $quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[dev,simulation]'
}
