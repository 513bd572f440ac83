"""What a step runs is told by what its files say and import, not by their comments."""

from pathlib import Path

import pytest

from vbd.code import imported, meaning, used

PLAIN = "def f(x):\n    return x + 1\n"
SAME = [
    "# why\ndef f(x):\n    return x + 1  # and why not\n",
    '"""A module."""\n\ndef f(x):\n    """Add one."""\n    return (x + 1)\n',
    "def f(x): return x + 1",
]
OTHER = ["def f(x):\n    return x + 2\n", "def g(x):\n    return x + 1\n", PLAIN + "f(1)\n"]


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("text", SAME + OTHER)
def test_comments_docstrings_and_layout_mean_nothing(tmp_path, text):
    write(tmp_path, plain=PLAIN, other=text)
    same = meaning(tmp_path / "plain.py") == meaning(tmp_path / "other.py")
    assert same == (text in SAME)


def test_a_users_own_helpers_are_followed(tmp_path):
    write(
        tmp_path,
        mine__net="from .blocks import Block\nfrom mine import extra\nimport helper, torch\n",
        mine__blocks="from mine.deep.er import x",
        mine__extra="def f():\n    from . import late",
        mine__late="",
        mine__deep__er="x = 1",
        helper="import mine.net  # in a circle",
        stranger="",
    )
    (tmp_path / "mine" / "__init__.py").touch()
    found = [str(f.relative_to(tmp_path)) for f in used([tmp_path / "mine/net.py"], tmp_path)]
    names = ["__init__", "blocks", "deep/er", "extra", "late", "net"]
    assert found == ["helper.py", *(f"mine/{name}.py" for name in names)]


def test_a_module_that_lies_elsewhere_is_followed_beside_its_package(tmp_path):
    write(tmp_path / "site", pack__net="import pack.blocks\nfrom other import y", pack__blocks="")
    write(tmp_path / "site", other="")
    (tmp_path / "site" / "pack" / "__init__.py").touch()
    (tmp_path / "here").mkdir()
    found = imported(tmp_path / "site/pack/net.py", tmp_path / "here")
    assert {file.name for file in found} == {"__init__.py", "blocks.py", "other.py"}


def test_a_file_that_is_no_python_is_named(tmp_path):
    write(tmp_path, broken="def f(:")
    with pytest.raises(SyntaxError, match=r"broken\.py"):
        meaning(tmp_path / "broken.py")
