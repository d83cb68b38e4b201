# Sourced by the other scripts: creates a virtual environment with this project.
# PYTHON selects the interpreter; by default, the newest suitable one found is used.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

suitable() {
    "$1" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# Newest first: on the PATH, then in pyenv's folder, since pyenv puts only selected versions on the PATH.
candidates() {
    local minor
    for minor in 14 13 12 11; do
        echo "python3.$minor"
        ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python 2>/dev/null | sort -rV
    done
    echo python3 python
}

find_python() {
    local name
    for name in ${PYTHON:-$(candidates)}; do
        if suitable "$name"; then echo "$name"; return; fi
    done
    echo "secretgate needs Python 3.11 to 3.14 (with venv); found none. Install one, or set PYTHON=/path/to/python3." >&2
    return 1
}

# make_env FOLDER [GROUP...]: creates a virtual environment in FOLDER with the project (editable) and the given
# dependency groups; with LOCKED set, with exactly the files in requirements.lock. Repeated only if pyproject.toml,
# the lock or the interpreter has changed.
make_env() {
    local folder=$1 python stamp; shift
    python=$(find_python) || return 1
    stamp=$("$python" -c 'import sys; print(sys.version)'; cat pyproject.toml ${LOCKED:+requirements.lock}; echo "$@")
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    echo "Setting up $folder with $("$python" --version) ..." >&2
    "$python" -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
    if [ -n "${LOCKED:-}" ]; then
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    else
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable . ${@/#/--group=}
    fi
    printf '%s\n' "$stamp" > "$folder/.stamp"
}
