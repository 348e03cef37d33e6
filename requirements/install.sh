#!/bin/sh
# Makes .venv and installs the locked requirements and this checkout into it.
# Usage: install.sh PYTHON, from the root of the checkout. On Debian as root it also installs what Python lacks.
set -eu

python=$1
venv=.venv

say() { printf '%s\n' "$*" >&2; }

fits() { command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }

# Debian ships `venv` without `ensurepip`, so only the second tells whether a venv can be made.
makes_venvs() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

apt_may_help() { [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; }

apt_install() {
    say "Installing $* with apt-get …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if ! command -v "$python" >/dev/null && apt_may_help; then
    apt_install python3 python3-venv
fi
if ! fits; then
    say "perdure needs Python 3.11 or newer, and '$python' is not. Name one: make PYTHON=/path/to/python3.11"
    exit 1
fi
if ! makes_venvs && apt_may_help; then
    apt_install python3-venv
fi
if ! makes_venvs; then
    say "'$python' cannot make virtual environments: it lacks ensurepip. On Debian and Ubuntu, as root:"
    say "    apt-get update && apt-get install -y python3-venv"
    say "or name another Python: make PYTHON=/path/to/python3.11"
    exit 1
fi

# A venv that was moved, or whose Python is gone, cannot be mended.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "Making $venv with $("$python" --version) …"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

say "Installing the locked requirements …"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
"$venv/bin/python" -m pip install -qq --require-hashes -r requirements/dev.txt
# Its dependencies and its build back end are locked above: nothing else is fetched.
"$venv/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
