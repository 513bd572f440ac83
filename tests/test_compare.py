"""A run beside a reference: what lies outside its spread is said, and nothing else is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stolen
from scipy.stats import ttest_ind

from vbd.report import record
from vbd.report.comparison import compare
from vbd.report.long import CELL, YES_OR_NO, long, name
from vbd.steps import cells
from vbd.steps import compare as step

PROVENANCE = {"vbd": "0.1.0", "torch": "2.12", "device": "cpu", "code_sha256": "5f" * 32}
ATTACKS, DEFENSES = 10, 4


def result(kind: str, metrics: dict[str, float], seed: int = 0, **other: Any) -> dict[str, Any]:
    """A result as a step writes it."""
    row = {"kind": kind, "dataset": "tiny", "model": "i3d", "attack": None, "mode": None}
    row |= {"defense": None, "seed": seed, "params": {}, "provenance": PROVENANCE}
    return row | {"metrics": metrics, "counts": {"test": 140, "triggered": 126}} | other


def results(seeds: range) -> Iterator[dict[str, Any]]:
    """Ten attacks, each against four defences: ASR 50, with a deviation of two points."""
    rng = np.random.default_rng(seeds.start)
    for seed in seeds:
        for attack in range(ATTACKS):
            names = {"attack": f"attack{attack}", "mode": "static"}
            names["params"] = {"attack": {"frames": "all", "rate": 0.1}}
            counts = {"test": 140, "triggered": 126, "poisoned": 30}
            yield result("attack", {"asr": rng.normal(0.5, 0.02)}, seed, **names, counts=counts)
            for repair in range(DEFENSES):
                left = {"asr": rng.normal(0.5, 0.05), "norm": 3.0}
                yield result("defense", left, seed, **names, defense=f"repair{repair}")


def run(*seeds: int) -> pd.DataFrame:
    return long(list(results(range(*seeds))))


def shifted(frame: pd.DataFrame, points: float, **where: str) -> pd.DataFrame:
    chosen = np.logical_and.reduce([frame[key] == value for key, value in where.items()])
    return frame.assign(mean=frame["mean"] + points * chosen)


@pytest.fixture
def compared(tmp_path, monkeypatch, capsys):
    """Runs `vbd compare` on frames or paths; gives its exit code, or error, and what it says."""

    def of(*runs: pd.DataFrame | Path) -> tuple[int | str, str]:
        paths = [run for run in runs if isinstance(run, Path)]
        for number, frame in enumerate(runs):
            if not isinstance(frame, Path):
                paths.append(tmp_path / str(number) / "cells.csv")
                record.write(frame, {"configuration": f"run{number}"}, paths[-1])
        monkeypatch.setattr("sys.argv", ["vbd compare", *map(str, paths)])
        with pytest.raises(SystemExit) as ended:
            step.main()
        return ended.value.code, capsys.readouterr().out

    return of


def outside(said: str) -> list[str]:
    """The lines of the table of what is outside."""
    return [line for line in said.splitlines() if " attack" in line and " asr " in line]


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_run_beside_itself_has_nothing_outside(compared, seeds):
    code, said = compared(run(seeds), run(seeds))
    assert code == 0 and not outside(said)
    assert "50 figures, 50 of them equal" in said and "within the spread" in said
    assert "ours: configuration run0" in said and "reference: configuration run1" in said


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_victim_that_changed_is_named_and_alike_runs_are_within(compared, seeds):
    ours = run(9, 9 + seeds)
    code, said = compared(ours, run(5))
    assert code == 0 and "*" not in "".join(outside(said))
    code, said = compared(shifted(ours, 40, attack="attack3", defense=""), run(5))
    first, *others = outside(said)
    assert code == 3 and "outside the spread" in said
    assert first.startswith("*") and "i3d attack3 static rate 0.1  " in first
    assert "(5" not in first or "5 seeds" in first
    assert not any(line.startswith("*") for line in others)


def test_a_single_defence_proves_nothing_and_many_do(compared):
    ours = run(9, 10)
    code, said = compared(shifted(ours, 40, attack="attack3", defense="repair1"), run(5))
    assert code == 0 and "i3d attack3 static rate 0.1 repair1 " in outside(said)[0]
    code, said = compared(shifted(ours, 40, defense="repair1"), run(5))
    assert code == 3 and "too many" in said and len(outside(said)) >= ATTACKS


def test_one_seed_on_both_sides_is_not_judged(compared):
    code, said = compared(run(1), run(1, 2))
    assert code == 4 and "both have one seed: 50" in said and not outside(said)


def test_what_one_side_alone_has_is_counted_and_named(compared):
    frame = run(5)
    code, said = compared(frame[frame["attack"] != "attack7"], frame[frame["defense"] != "repair2"])
    assert code == 0
    mine, theirs = said.split("only in ours, ")[1].split("only in the reference, ")
    assert mine.startswith("9 figures of 9 cells") and theirs.startswith("4 figures of 4 cells")
    assert "  i3d attack0 static rate 0.1 repair2: asr\n" in mine
    assert "  i3d attack7 static rate 0.1: asr\n" in theirs
    assert "compared: 36 figures" in said


def test_datasets_of_one_side_are_left_out_and_named(compared):
    other = run(5).assign(dataset="faces")
    code, said = compared(run(5), pd.concat([run(5), other]))
    assert code == 0 and "the reference alone has them: faces" in said


def test_a_share_is_judged_by_students_t():
    values = np.random.default_rng(0).normal(0.5, 0.05, 8)

    def frame(values: np.ndarray) -> pd.DataFrame:
        return long([result("baseline", {"cda": v}, seed) for seed, v in enumerate(values)])

    row = compare(frame(values[:3] + 0.1), frame(values[3:])).iloc[0]
    assert row["p"] == pytest.approx(ttest_ind(values[:3] + 0.1, values[3:]).pvalue)
    # Of one seed: 2.776 is Student's t of four degrees of freedom at 95 %.
    edge = values[3:].mean() + 2.776 * values[3:].std(ddof=1) * np.sqrt(1 + 1 / 5)
    assert compare(frame(np.array([edge])), frame(values[3:])).iloc[0]["p"] == pytest.approx(
        0.05, abs=1e-4
    )


def test_seeds_that_agree_promise_no_more_than_a_clip():
    ceiling = long([result("baseline", {"cda": 1.0}, seed) for seed in range(5)])

    def p(cda: float) -> float:
        return compare(long([result("baseline", {"cda": cda}, 9)]), ceiling).iloc[0]["p"]

    assert p(125 / 126) > 0.2 and p(0.9) < 0.01


def test_yes_and_no_are_counted():
    """Of one seed they say nothing, of five against five they do."""

    def scans(found: int, of: int) -> pd.DataFrame:
        return long([result("defense", {"detected": float(i < found)}, i) for i in range(of)])

    for ours, theirs, p in [((0, 1), (5, 5), 1 / 6), ((0, 5), (5, 5), 2 / 252)]:
        (row,) = compare(scans(*ours), scans(*theirs)).to_dict("records")
        assert row["step"] == YES_OR_NO and row["p"] == pytest.approx(p)


def test_every_kind_of_result_has_a_cell_of_its_own(tmp_path):
    attack = {"trigger": "sig", "frames": 4, "rate": 0.02}
    some = [
        result("baseline", {"cda": 0.9, "cda_top5": 1.0}),
        result(
            *("attack", {"cda": 0.9, "asr": 1.0, "asr_frames_1": 0.5}),
            **{"attack": "sig", "mode": "static", "params": {"attack": attack}},
            counts={"test": 140, "triggered": 126, "poisoned": 20},
        ),
        result(
            *("defense", {"elimination": 0.5, "norm": 3.0, "detected": 1.0}),
            **{"attack": "sig", "mode": "static", "params": {"attack": attack}},
            defense="mine",
        ),
        result("fusion", {"cda": 0.9}, model="i3d+audio", params={"fusion": "late"}),
    ]
    thefts = stolen.write(tmp_path)
    common = {"dataset": "tiny", "provenance": PROVENANCE, "seed": 0}
    read = [json.loads(thefts[kind][0].read_text()) for kind in ("clones", "transfers", "searched")]
    frame = long([*some, *(row | common for row in read)])
    found = {name(cell.iloc[0]): set(cell["metric"]) for _, cell in frame.groupby(CELL, sort=False)}
    theft = "augmented c3d augmented 400 queries"
    answered = {"confidence", "classes", "balance", "honest_cda", "honest_error"}
    assert found == {
        "i3d baseline": {"cda"},
        "i3d sig static 4 frames rate 0.02": {"cda", "asr"},
        "i3d sig static 4 frames rate 0.02 mine": {"elimination", "detected"},
        "i3d+audio baseline late": {"cda"},
        f"swin baseline {theft}": {"cda", "cda_top5", "agreement"},
        "swin baseline augmented": answered,
        "swin badnet static neural_cleanse distilled r2plus1d concatenated 400 queries": {
            "detected",
            "right_class",
        },
    }
    # What a clip is worth: of 20 poisoned ones, and of 126 triggered ones.
    step = frame.set_index("metric")["step"]
    assert step["elimination"] == 5 and step["agreement"] == pytest.approx(100 / 126)


def test_a_seed_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="seed 0 of a cell is there twice: i3d baseline"):
        long([result("baseline", {"cda": 0.9})] * 2)


def test_the_file_says_where_it_comes_from(tmp_path, monkeypatch):
    for number, row in enumerate(results(range(2))):
        path = tmp_path / "results" / str(number) / "result.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(row))
    out, command = tmp_path / "cells.csv", "snakemake --config 'a=\nb'"
    arguments = ["--results", str(tmp_path / "results"), "--configuration", "mine"]
    arguments += ["--command", command, "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["vbd cells", *arguments])
    cells.main()
    frame, (origin,) = record.load(out)
    assert origin["configuration"] == "mine" and origin["seeds"] == "0, 1"
    assert origin["command"] == "snakemake --config 'a= b'" and " cores, " in origin["machine"]
    assert origin["code"] == "5f" * 6 and {"commit", "vbd", "torch", "device"} <= set(origin)
    made, read = (frame.sort_values(CELL, ignore_index=True) for frame in (run(2), frame))
    pd.testing.assert_frame_equal(read, made, check_dtype=False, rtol=1e-3)


ROW = ["tiny", "i3d", "baseline", *[""] * 9, "cda", "5", "90", "1", "89", "91", "0.7"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first": "model,attack"}, "no file of cells: its first line"),
        ({"header": "dataset,model"}, "a broken file of cells"),
        ({"row": ""}, "no cell in it"),
        ({"row": ",".join([*ROW[:-1], "much"])}, "a broken file of cells"),
        ({"row": ",".join([*ROW[:13], "0", *ROW[14:]])}, "no figures in its row 1"),
        ({"row": ",".join([*ROW[:15], "", *ROW[16:]])}, "no figures in its row 1"),
        ({"row": ",".join([*ROW[:14], "inf", *ROW[15:]])}, "no figures in its row 1"),
        ({"row": ",".join([*ROW[:14], "101", *ROW[15:]])}, "no figures in its row 1"),
        ({"row": "\n".join([",".join(ROW)] * 2)}, "there twice"),
        ({"row": ",".join(["other", *ROW[1:]])}, "the run is of tiny, the reference of other"),
    ],
)
def test_a_wrong_file_gives_its_error(compared, tmp_path, change, said):
    frame = long([result("baseline", {"cda": 0.9})])
    record.write(frame, {}, tmp_path / "cells.csv")
    first, header, _ = (tmp_path / "cells.csv").read_text().splitlines()
    parts = {"first": first, "header": header, "row": ",".join(ROW)}
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("{first}\n{header}\n{row}\n".format(**parts))
    assert compared(tmp_path / "cells.csv", wrong)[0] == 0
    wrong.write_text("{first}\n{header}\n{row}\n".format(**parts | change))
    code, _ = compared(tmp_path / "cells.csv", wrong)
    assert isinstance(code, str) and said in code


def test_what_is_missing_is_said(compared, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/defenses.csv").write_text("model,attack\n")
    for path, said in [("none", "no such file or folder"), ("empty", "no file of cells lies in")]:
        code, _ = compared(tmp_path / path, tmp_path / path)
        assert said in str(code)


def test_two_files_with_the_same_cells_have_to_be_told_apart(compared, tmp_path):
    for file in ("one", "two"):
        record.write(run(2), {}, tmp_path / f"reference/{file}.csv")
    code, _ = compared(tmp_path / "reference/one.csv", tmp_path / "reference")
    assert (
        "the same cells, name one of" in str(code)
        and "one.csv" in str(code)
        and "two.csv" in str(code)
    )


def test_names_of_strangers_do_not_steer_the_terminal(compared):
    code, said = compared(run(5), run(5).assign(model="\x1b[2Jx"))
    assert code == 4 and "\x1b" not in said and "?[2Jx" in said
