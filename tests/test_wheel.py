"""The library without the checkout: from a wheel, with its command, in an empty folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder of packages in which the wheel of this checkout is the only one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves files behind
    shutil.copytree(ROOT / "vbd", source / "vbd")
    for file in ROOT.glob("*.*"):
        if file.is_file():
            shutil.copy(file, source)
    if (ROOT / "LICENSE").exists():
        shutil.copy(ROOT / "LICENSE", source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([*pip, *wheel], check=True)
    (built,) = folder.glob("*.whl")
    into = ["install", "--no-deps", "--target", folder / "site", built]
    subprocess.run([*pip, *into], check=True)
    return folder / "site"


@pytest.fixture
def vbd(installed, tmp_path):
    """Runs the command that the wheel installs; gives its status, output and errors."""

    def run(*arguments: str, code: str | None = None) -> tuple[int, str, str]:
        command = [installed / "bin/vbd"] if code is None else ["-c", code]
        done = subprocess.run(
            [sys.executable, *command, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_command_lists_its_steps_and_each_has_help(vbd):
    status, listed, _ = vbd("--help")
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    steps = {file.stem for file in (ROOT / "vbd/steps").glob("[!_]*.py")}
    assert status == 0 and steps <= set(names)
    for step in ("scan", "render", "restore", "train"):
        status, said, _ = vbd(step, "--help")
        assert status == 0 and f"usage: vbd {step}" in said


def test_without_a_step_it_explains_itself_and_a_wrong_one_is_an_error(vbd):
    assert vbd() == vbd("--help")
    status, _, said = vbd("scann")
    assert status == 2 and "scann" in said and "scan" in said


def test_a_step_works_in_an_empty_folder(vbd, tmp_path):
    sections = '{"render": {"groups": 2, "clips_per_group": 1}}'
    status, _, said = vbd("render", "--out", "clips", "--params", sections)
    assert status == 0, said
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == 20


def test_methods_are_found_and_the_code_is_that_of_the_wheel(vbd, installed):
    code = (
        "import vbd; from vbd import defenses, plugins, triggers\n"
        "from vbd.provenance import code_sha256\n"
        "print(vbd.__file__, len(code_sha256()), *plugins.names('vbd.models'))\n"
        "triggers.get('sig')(), defenses.get('strip')()"
    )
    status, said, errors = vbd(code=code)
    assert status == 0, errors
    assert said.startswith(str(installed)) and " 64 " in said and " i3d" in said
