"""Tables and figures of model extraction do not mix what is not alike; golden: test_report.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stolen

from vbd.report import published, thefts
from vbd.report.cells import read
from vbd.report.contents import FIGURES, TABLES

Results = dict[str, list[Path]]


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> Results:
    return stolen.write(tmp_path_factory.mktemp("thefts"))


def those(paths: list[Path], wanted: Callable[[dict[str, Any]], bool]) -> list[Path]:
    return [path for path in paths if wanted(json.loads(path.read_text()))]


def changed(path: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a result in the folder ``out``, changed."""
    row = json.loads(path.read_text())
    change(row)
    out.mkdir()
    copy = out / "result.json"
    copy.write_text(json.dumps(row))
    return copy


@pytest.mark.parametrize(
    "victim, row, figures",
    [
        ("swin3d", "augmented c3d", (27.5, 8.4)),
        ("swin3d", "augmented r2plus1d", (42.5, 19.1)),
        ("swin3d", "distilled", (54.8, 31.4)),
        ("swin3d", "generator along with the clone", (2.69, 0.41)),
        ("swin3d", "augmented i3d", (None, None)),
        ("swin3d", None, (None, None)),
        ("movinet_a2", "distilled", (None, None)),
    ],
)
def test_published_thefts_are_of_a_swin(victim, row, figures):
    assert published.extraction(victim, row) == figures


@pytest.mark.parametrize(
    "cell, top5",
    [
        (("swin3d", "grey", "distilled"), 54.8),
        (("movinet_a2", "grey", "concatenated"), 67.3),
        (("swin3d", "grey", "augmented c3d"), None),
        (("movinet_a2", "black", None), 4.13),
        (("i3d", "black", None), None),
    ],
)
def test_the_final_grey_clones_are_those_of_concatenated_datasets(cell, top5):
    assert published.extraction_final(*cell) == top5


@pytest.mark.parametrize(
    "change, row",
    [
        ({}, "augmented c3d"),
        ({"pools": ["objects"]}, None),
        ({"pools": ["target", "objects"]}, "concatenated"),
        ({"method": "knockoff"}, None),
        ({"method": "prada"}, "prada"),
        ({"method": "dfme", "pools": []}, "generator along with the clone"),
        ({"answers": stolen.FREE | {"decimals": 2}}, None),
    ],
)
def test_a_published_row_is_found_by_what_the_theft_does(cells, tmp_path, change, row):
    def change_theft(result: dict[str, Any]) -> None:
        result["params"]["theft"]["transfer"] |= change
        result["params"]["theft"]["theft"] = "mine"

    frame = thefts.read([changed(cells["clones"][0], tmp_path / "one", change_theft)])
    assert frame["row"].tolist() == [row]


def test_with_one_victim_nothing_published_stands_in_the_final_table(cells):
    swin = those(cells["clones"], lambda row: row["params"]["theft"]["victim"] == "swin")
    table, notes = TABLES["extraction_victims"].make(swin, "ucf101")
    assert len(table) == 9 and not list(table.filter(like="published"))
    assert not any("ublished" in note for note in notes)


def test_seeds_of_which_one_was_killed_are_one_row_of_mean_queries(cells, tmp_path):
    def later(result: dict[str, Any]) -> None:
        result |= {"seed": 7, "queries": 390}
        result["counts"] = {"queries_generator": 6, "queries_transfer": 384}

    first = cells["transfers"][0]
    table, _ = TABLES["extraction_monitor"].make(
        [first, changed(first, tmp_path / "later", later)], "ucf101"
    )
    row = table.iloc[0]
    assert (len(table), row["seeds"], row["queries"]) == (1, 2, 395)
    assert row["phases"] == "transfer 392, generator 3"


def test_free_answers_by_another_loss_or_budget_are_not_beside_restricted_ones(cells, tmp_path):
    paths = cells["transfers"] + those(
        cells["clones"], lambda row: row["params"]["theft"]["theft"] == "from_labels"
    )
    free = those(cells["clones"], lambda row: row["params"]["theft"]["theft"] == "concatenated")[0]

    def rows(change: Callable[[dict[str, Any]], None]) -> list[str]:
        copy = changed(free, tmp_path / str(len(list(tmp_path.iterdir()))), change)
        return list(TABLES["extraction_answers"].make([*paths, copy], "ucf101")[0]["theft"])

    def longer(row: dict[str, Any]) -> None:
        row["params"]["theft"]["transfer"]["budget"] = row["params"]["theft"]["budget"] = 800

    assert rows(lambda row: None) == ["concatenated", "from_labels"]
    assert rows(lambda row: row["params"]["loss"].update(kl=0.5)) == ["from_labels"]
    assert rows(longer) == ["from_labels"]


def test_backdoors_of_clones_that_nobody_searched_are_a_dash(cells, tmp_path):
    other = changed(cells["stolen"][0], tmp_path / "sig", lambda row: row.update(attack="sig"))
    entry = TABLES["stolen_backdoors"]
    table, _ = entry.make([*cells["searched"], *cells["stolen"], other], "ucf101")
    assert table["attack"].tolist() == ["badnet", "sig"]
    assert table["right_class"].isna().tolist() == [False, True]
    bare, notes = entry.make([other], "ucf101")
    assert "right_class" not in bare and not any("Neural Cleanse" in note for note in notes)


def test_scans_of_clean_clones_are_no_verdict_on_stolen_backdoors(cells, tmp_path):
    def clean(row: dict[str, Any]) -> None:
        row |= {"attack": None, "mode": None, "metrics": {"detected": 0.0}}

    scan = changed(cells["searched"][0], tmp_path / "clean", clean)
    table, _ = TABLES["stolen_backdoors"].make([scan, *cells["stolen"]], "ucf101")
    assert len(table) == 1 and "detected" not in table


def test_attacks_on_two_models_have_rows_of_their_own_in_the_heatmap(cells, tmp_path):
    def weaker(row: dict[str, Any]) -> None:
        row["params"]["theft"]["victim"] = "other"
        row["metrics"] |= {"asr": 0.1, "victim_asr": 0.5}

    paths = [*cells["stolen"], changed(cells["stolen"][0], tmp_path / "other", weaker)]
    (axis,) = FIGURES["stolen_backdoors"].make(read(paths)).axes
    assert [text.get_text() for text in axis.texts] == ["99", "20", "60", "50", "20", "10"]
    rows = [label.get_text() for label in axis.get_yticklabels()]
    assert rows == ["swin badnet static", "other badnet static"]


def test_no_two_thefts_are_drawn_alike(cells):
    (panel, *_) = FIGURES["extraction_queries"].make(read(cells["clones"])).axes
    lines = [line for line in panel.get_lines() if not str(line.get_label()).startswith("_")]
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
    assert len(lines) == len(looks) == len(stolen.THEFTS)
