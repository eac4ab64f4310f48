# Shared by the scripts beside it: find Python, make the virtual environment, say clearly what is missing.
# Read with `source`; needs $root, the repository. Works with the bash of macOS (3.2) too.

# Where Python may not keep its bytecode, each of the many processes would compile every module anew.
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }

# fail ENGLISH PORTUGUESE: both, because who starts Ponte first is often not a programmer.
fail() {
    say ""
    say "Error: $1"
    say "Erro: $2"
    exit 1
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Prints the best Python: new enough with the venv module, else new enough, else nothing.
find_python() {
    local candidate usable=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
        is_new_enough "$candidate" || continue
        if has_venv "$candidate"; then
            command -v "$candidate"
            return
        fi
        usable=${usable:-$candidate}
    done
    printf '%s' "$usable"
}

require_python() {
    local found version
    if [ -n "${PYTHON:-}" ] && ! is_new_enough "$PYTHON"; then
        fail "PYTHON=$PYTHON does not run or is older than 3.11. Correct or unset it." \
            "PYTHON=$PYTHON não funciona ou é anterior à versão 3.11. Corrija ou remova a variável."
    fi
    found=$(find_python)
    if [ -z "$found" ]; then
        version=$(python3 --version 2>/dev/null || true)
        fail "Python 3.11 or newer is needed; found: ${version:-no Python}. Debian 12, Ubuntu 24.04: sudo apt-get install python3 python3-venv. Elsewhere: set PYTHON=/path/to/python3." \
            "É preciso Python 3.11 ou mais novo; encontrado: ${version:-nenhum Python}. Debian 12, Ubuntu 24.04: sudo apt-get install python3 python3-venv. Em outros sistemas: defina PYTHON=/caminho/do/python3."
    fi
    if ! has_venv "$found"; then
        version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$found has no venv module (package python$version-venv): sudo apt-get install python$version-venv" \
            "$found não tem o módulo venv (pacote python$version-venv): sudo apt-get install python$version-venv"
    fi
    printf '%s' "$found"
}

# The stamp tells whether the environment holds what the requirements ask for, built by this Python.
stamp_of() {
    (cd -- "$root" && "$1" - requirements*.txt <<'PYTHON_CODE'
import hashlib, pathlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PYTHON_CODE
    )
}

# prepare_environment REQUIREMENTS: makes or updates $PONTE_VENV (default: .venv) and sets $python to its interpreter.
prepare_environment() {
    local requirements=$1 venv=${PONTE_VENV:-$root/.venv} stamp
    python=$venv/bin/python
    is_usable_environment "$venv" || create_environment "$venv"
    stamp=$(stamp_of "$python")
    [ "$(cat "$venv/.$requirements.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    say "Installing $requirements; the first time takes some minutes / Instalando; a primeira vez leva alguns minutos"
    "$python" -m pip install --disable-pip-version-check --progress-bar off -r "$root/$requirements" >&2 || fail \
        "the packages could not be installed (the reason is above). Is the network, or a proxy, reachable? Is the disk full or read-only?" \
        "não foi possível instalar os pacotes (o motivo está acima). Há rede, ou proxy? O disco está cheio ou protegido contra gravação?"
    printf '%s\n' "$stamp" >"$venv/.$requirements.stamp"
}

# Complete, made in this place (a copied one starts the original's commands), by the Python that was asked for.
is_usable_environment() {
    is_new_enough "$1/bin/python" && "$1/bin/python" -c 'import pip' 2>/dev/null &&
        grep -qsF -- "$1" "$1/bin/activate" &&
        { [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$1/bin/python")" ]; }
}

create_environment() {
    local base
    base=$(require_python) || exit 1
    say "Creating the Python environment in $1 / Criando o ambiente Python"
    "$base" -m venv --clear "$1" >&2 || fail \
        "the environment could not be created in $1. Is the disk full, or the directory not writable for $(id -un)?" \
        "não foi possível criar o ambiente em $1. O disco está cheio, ou $(id -un) não pode gravar nessa pasta?"
}

version_of() { "$1" -c 'import sys; print(sys.version)' 2>/dev/null; }
