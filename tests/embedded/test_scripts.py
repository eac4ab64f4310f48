"""The shell scripts, in a small project of their own, whose `manage.py up` only says what it was given."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "grep", "cat", "id")
SAY_ARGUMENTS = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "a project"
    shutil.copytree(PROJECT / "deploy", directory / "deploy")
    (directory / "requirements.txt").write_text("# nothing\n")
    (directory / "manage.py").write_text(SAY_ARGUMENTS)
    return directory


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory for PATH with the few programs the scripts use, and no Python."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in TOOLS:
        (directory / name).symlink_to(shutil.which(name) or name)
    return directory


def quickstart(project: Path, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", project / "deploy" / "quickstart.sh", "--once", "two words"],
        cwd="/",
        env={"PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def add_python(tools: Path, script: str) -> None:
    program = tools / "python3"
    program.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    program.chmod(0o755)


def test_quickstart_makes_the_environment_once_and_passes_its_arguments(project: Path, environ: dict[str, str]) -> None:
    first = quickstart(project, environ["PATH"], PYTHON=sys.executable)
    second = quickstart(project, environ["PATH"], PYTHON=sys.executable)

    assert json.loads(first.stdout) == json.loads(second.stdout) == ["up", "--once", "two words"]
    assert "Creating the Python environment" in first.stderr
    assert "Installing requirements.txt" in first.stderr
    assert second.stderr == ""


def test_changed_requirements_are_installed_into_the_same_environment(project: Path, environ: dict[str, str]) -> None:
    quickstart(project, environ["PATH"], PYTHON=sys.executable)
    (project / "requirements.txt").write_text("# changed\n")

    done = quickstart(project, environ["PATH"], PYTHON=sys.executable)

    assert "Installing requirements.txt" in done.stderr
    assert "Creating the Python environment" not in done.stderr


def test_a_copied_environment_is_made_anew(project: Path, environ: dict[str, str]) -> None:
    quickstart(project, environ["PATH"], PYTHON=sys.executable)
    copy = project.with_name("a copy")
    shutil.copytree(project, copy, symlinks=True)

    done = quickstart(copy, environ["PATH"], PYTHON=sys.executable)

    assert "Creating the Python environment" in done.stderr
    assert json.loads(done.stdout) == ["up", "--once", "two words"]


def test_quickstart_without_python_says_so_in_both_languages(project: Path, tools: Path) -> None:
    done = quickstart(project, str(tools))

    assert done.returncode == 1
    assert "Error: Python 3.11 or newer is needed; found: no Python." in done.stderr
    assert "Erro: É preciso Python 3.11 ou mais novo; encontrado: nenhum Python." in done.stderr
    assert done.stdout == ""


def test_quickstart_names_the_version_that_is_too_old(project: Path, tools: Path) -> None:
    add_python(tools, 'case "$1" in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac')

    done = quickstart(project, str(tools))

    assert done.returncode == 1
    assert "found: Python 3.9.2." in done.stderr


def test_quickstart_names_the_package_of_a_missing_venv_module(project: Path, tools: Path) -> None:
    add_python(tools, 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.11 ;; esac')

    done = quickstart(project, str(tools))

    assert done.returncode == 1
    assert "sudo apt-get install python3.11-venv" in done.stderr
    assert not (project / ".venv").exists()


def test_quickstart_refuses_a_chosen_python_that_does_not_run(project: Path, environ: dict[str, str]) -> None:
    done = quickstart(project, environ["PATH"], PYTHON="/no/such/python")

    assert done.returncode == 1
    assert "Error: PYTHON=/no/such/python does not run or is older than 3.11." in done.stderr


def test_quickstart_explains_packages_that_cannot_be_installed(project: Path, environ: dict[str, str]) -> None:
    (project / "requirements.txt").write_text("./no-such-package\n")

    done = quickstart(project, environ["PATH"], PYTHON=sys.executable)

    assert done.returncode == 1
    assert "Error: the packages could not be installed" in done.stderr
    assert "Erro: não foi possível instalar os pacotes" in done.stderr


def test_quickstart_explains_a_place_where_it_cannot_write(project: Path, environ: dict[str, str]) -> None:
    done = quickstart(project, environ["PATH"], PYTHON=sys.executable, PONTE_VENV="/dev/null/venv")

    assert done.returncode == 1
    assert "Error: the environment could not be created in /dev/null/venv." in done.stderr
    assert "Erro: não foi possível criar o ambiente em /dev/null/venv." in done.stderr
