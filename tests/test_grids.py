"""Every grid that may be written down has its report: from one model to whatever stands alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import planning
import pretended
import pytest
import yaml
from PIL import Image

from vbd.report import record

SMOKE = {"datasets": ["smoke"]}
CLEAN = SMOKE | {"models": ["i3d"]}
PATCH = CLEAN | {"attacks": ["badnet"], "modes": ["static"]}
HEARD = SMOKE | {"models": ["audio"]}
HUM = HEARD | {"attacks": ["sine"]}
FACES = {"datasets": ["smoke_faces"], "models": ["deepid"]}
PAIR = SMOKE | {"video": "i3d", "audio": "audio"}
THEFT = SMOKE | {"victims": ["i3d"], "clones": ["r3d"]}
OTHER = {"datasets": {"other": {"reader": "synthetic", "views": 1, "frames": 8}}}


def grid(*blocks: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"grid": list(blocks), "fusion": [], "extraction": []} | other


def theft(*thefts: str, **other: Any) -> dict[str, Any]:
    return THEFT | {"thefts": list(thefts)} | other


GRIDS = {
    "no attack": grid(CLEAN),
    "one attack": grid(PATCH),
    "a dynamic attack": grid(PATCH | {"modes": ["dynamic"]}),
    "a natural attack": grid(CLEAN | {"attacks": ["frame_lag"]}),
    "an attack at another rate": grid(CLEAN | {"attacks": ["sig_at_2_percent"]}),
    "one attack at two rates": grid(CLEAN | {"attacks": ["sig", "sig_at_2_percent"]}),
    "a model each for two attacks": grid(PATCH, PATCH | {"models": ["tsm"], "attacks": ["sig"]}),
    "sound": grid(HEARD),
    "an attack on sound": grid(HUM),
    "clean fusion": grid(CLEAN, HEARD, fusion=[PAIR]),
    "fusion with an attack on sound": grid(CLEAN, HUM, fusion=[PAIR]),
    "fusion with both": grid(PATCH, HUM, fusion=[PAIR]),
    "fusion of attacks in modes that it leaves out": grid(
        PATCH | {"modes": ["dynamic"]}, HEARD, fusion=[PAIR]
    ),
    "clean scans": grid(CLEAN | {"defenses": ["neural_cleanse"]}),
    "clean inversions": grid(CLEAN | {"defenses": ["trigger_inversion"]}, seeds=[1]),
    "a scan of a model that is attacked elsewhere": grid(
        CLEAN | {"defenses": ["neural_cleanse"]}, PATCH
    ),
    "poisoned frames": grid(PATCH | {"frames": [4]}),
    "all frames poisoned": grid(PATCH | {"frames": [8]}),
    "an attack on images": grid(FACES | {"attacks": ["lipstick"]}),
    "several triggers": grid(FACES | {"attacks": ["multi_trigger"]}),
    "a detector on images": grid(FACES | {"attacks": ["lipstick"], "defenses": ["vae_faces"]}),
    "a theft with clips": grid(CLEAN, extraction=[theft("distilled")]),
    "a theft without clips": grid(CLEAN, extraction=[theft("noise")]),
    "a theft of restricted answers": grid(CLEAN, extraction=[theft("from_labels")]),
    "a theft of a poisoned victim": grid(
        PATCH, extraction=[theft("affine", attacks=["badnet"], modes=["static"])]
    ),
    "a theft that is searched for a backdoor": grid(
        CLEAN, extraction=[theft("affine", defenses=["neural_cleanse"])]
    ),
    "two seeds": grid(PATCH | {"defenses": ["fine_tuning"]}, seeds=[0, 1]),
    "seeds of their own": grid(PATCH | {"seeds": [3]}, CLEAN | {"seeds": [4]}),
    "one of two datasets attacked": grid(PATCH, CLEAN | {"datasets": ["other"]}, **OTHER),
    "a model that one of two datasets has": grid(
        PATCH | {"datasets": ["smoke", "other"]}, HUM, fusion=[PAIR], **OTHER
    ),
    "a dataset of clips and one of images": grid(PATCH, FACES),
    "frames drawn at random alone": grid(PATCH | {"frames": ["random"]}),
    "no video of the attacker's": grid(PATCH, evaluation={"video": None}),
    "two defences of a method": grid(
        PATCH | {"defenses": ["ibau", "wide"]}, defenses={"wide": {"defense": "ibau"}}
    ),
    "defences of other seeds": grid(PATCH, PATCH | {"defenses": ["strip"], "seeds": [5]}),
    "two victims of other thefts": grid(
        SMOKE | {"models": ["i3d", "tsm"]},
        extraction=[theft("noise"), theft("affine", victims=["tsm"])],
    ),
    "thefts with smaller budgets": grid(CLEAN, extraction=[theft("prada", budgets=[16])]),
}
# Those that have a table or figure of their own, and one of the others.
ALONE = ["activation_clustering", "strip", "fine_pruning", "neural_cleanse", "trigger_inversion"]
ALONE += ["vae", "abl"]
GRIDS |= {f"{name} alone": grid(PATCH | {"defenses": [name]}) for name in ALONE}


@pytest.fixture
def made(request, tmp_path, monkeypatch) -> list[Path]:
    """The files of the report of a grid that is planned, its steps but those pretended."""
    planning.linked(tmp_path)
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(request.param))
    code, said = planning.plan(tmp_path, "--configfile", "presets/smoke.yaml", "grid.yaml")
    assert code == 0, said
    monkeypatch.chdir(tmp_path)
    for step, options in pretended.commands(said):
        pretended.run(step, options, monkeypatch)
    return sorted(path for path in Path("results/report/grid").rglob("*") if path.is_file())


@pytest.mark.parametrize("made", GRIDS.values(), ids=GRIDS, indirect=True)
def test_every_table_and_figure_of_a_grid_says_something(made):
    assert {path.parent.name for path in made} >= {"metrics", "tables"}
    for path in made:
        if path.suffix == ".json":
            assert json.loads(path.read_text()), path
        elif path.name == "cells.csv":
            assert len(record.load(path)[0]), path
        elif path.suffix == ".csv":
            assert measured(pd.read_csv(path)).notna().any(axis=None), path
        elif path.suffix == ".png":
            with Image.open(path) as drawn:
                assert np.asarray(drawn.convert("L")).std() > 5, path


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of our figures: neither names nor numbers of cells, nor what was published."""
    told = ["seeds", "attacks", "cells", "queries", "clips"]
    ours = table.select_dtypes("number").drop(columns=told, errors="ignore")
    return ours[[name for name in ours if "published" not in name]]
