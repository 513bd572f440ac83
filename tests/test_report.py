"""Tables say what the results say, beside what was published; figures are there to be looked at."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vbd.report import figures, published, tables

GOLDEN = Path(__file__).parent / "golden"


def result(folder: Path, metrics: dict[str, float], **keys: object) -> Path:
    """A result.json with what the tables read."""
    row = {"model": "i3d", "attack": None, "mode": None, "defense": None, "params": {}}
    row |= {"seed": 0, "runtime_s": 1.0, "metrics": metrics} | keys
    if row["attack"]:
        row["params"] = {"attack": {"trigger": row["attack"]}}
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(row))
    return path


@pytest.fixture
def cells(tmp_path) -> dict[str, list[Path]]:
    """Results of a baseline, an attack in two modes, one that nobody published, and a defence."""
    folder = tmp_path / "cells"
    folder.mkdir()
    victims = []
    for seed, shift in ((0, 0.0), (1, 0.02)):
        victims.append(result(folder, {"cda": 0.95 + shift}, seed=seed))
        for mode in ("static", "dynamic"):
            metrics = {"cda": 0.94 + shift, "asr": 1 - shift, "ra": shift}
            victims.append(result(folder, metrics, attack="badnet", mode=mode, seed=seed))
    mine = {"cda": 0.9, "asr": 0.5, "ra": 0.4}
    victims.append(result(folder, mine, attack="my_own", mode="static"))
    found = {"elimination": 1.0, "sacrifice": 0.05, "auroc": 0.99}
    names = {"attack": "badnet", "mode": "static", "defense": "activation_clustering"}
    return {"attacks": victims, "detections": [result(folder, found, **names)]}


@pytest.mark.parametrize("name", sorted(tables.TABLES))
@pytest.mark.parametrize("suffix", [".csv", ".md", ".tex"])
def test_a_table_is_the_golden_one(cells, tmp_path, name, suffix):
    tables.write(*tables.TABLES[name](tables.read(cells[name]), "ucf101"), tmp_path / "t.csv")
    assert (tmp_path / f"t{suffix}").read_text() == (GOLDEN / f"{name}{suffix}").read_text()


def test_metrics_for_dvc_are_means_in_percent(cells):
    means = tables.means(tables.read(cells["attacks"]))["i3d"]
    assert means["baseline"] == {"cda": 96.0}
    assert means["static badnet"] == {"cda": 95.0, "asr": 99.0, "ra": 1.0}


def test_published_figures_are_those_of_the_paper():
    assert published.attack("ucf101", "static", "badnet") == (93.95, 99.63)
    assert published.attack("hmdb51", None, None) == (69.59, None)
    assert published.attack("ucf101", "static", "unknown") == (None, None)


def test_the_gallery_shows_every_trigger_and_moves(tmp_path):
    from PIL import Image

    clean = np.zeros((4, 16, 16, 3), np.uint8)
    triggered = clean.copy()
    triggered[:, -3:, -3:] = 20
    figures.gallery(clean, {"one": triggered, "two": clean}, tmp_path / "sheet.png")
    figures.loop(clean, triggered, tmp_path / "loop.gif")
    with Image.open(tmp_path / "sheet.png") as one_row_each:
        assert one_row_each.height > 400
    with Image.open(tmp_path / "loop.gif") as moving:
        # Four equal frames become one, so what repeats is stated by the loop alone.
        assert moving.info["loop"] == 0
        last = np.asarray(moving.convert("RGB"))[-1, -1]
    assert (abs(last.astype(int) - 20 * figures.AMPLIFY) < 12).all()


def test_curves_are_drawn_from_seeds(tmp_path):
    for seed in (0, 1):
        np.savez(tmp_path / f"{seed}.npz", loss=[2.0, 1.0], accuracy=[0.1, 0.9])
    figures.curves({"baseline": [tmp_path / "0.npz", tmp_path / "1.npz"]}, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 5000


def test_a_single_seed_has_no_deviation(cells):
    table, _ = tables.attacks(tables.read(cells["attacks"][-1:]), "ucf101")
    assert table["seeds"].item() == 1 and pd.isna(table["cda_std"].item())


def test_baselines_alone_make_a_table(cells):
    table, _ = tables.attacks(tables.read(cells["attacks"][:1]), "ucf101")
    assert table["cda"].item() == 95.0 and pd.isna(table["asr"].item())
