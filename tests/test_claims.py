"""The claims of the paper: each verdict, by the stated test, follows from what the cells say."""

from math import inf

import claimed
import numpy as np
import pandas as pd
import pytest

from vbd.report.contents import TABLES
from vbd.report.tables.claims import verdict

HELD = [[90.0, 88], [90, 88.5], [90, 88.2]]
CEILING = [[99.0, 97], [99, 97.5], [99, 97.2]]


@pytest.mark.parametrize(
    "sides, low, high, said, reason",
    [
        ([[95.0], [96], [97]], 90, inf, "holds", ""),
        ([[95.0], [96], [97]], -inf, 90, "does not hold", ""),
        ([[80.0], [81], [82]], 90, inf, "does not hold", ""),
        ([[80.0], [95], [99]], 90, inf, "cannot tell", "crosses"),
        ([[95.0], [96]], 90, inf, "cannot tell", "fewer than 3 seeds"),
        ([[33.0], [34], [35]], 20, 50, "holds", ""),
        ([[90.0], [91], [92]], 20, 50, "does not hold", ""),
        (HELD, 0, inf, "holds", ""),
        ([row[::-1] for row in HELD], 0, inf, "does not hold", ""),
        (HELD[:2], 0, inf, "cannot tell", "fewer than 3 seeds"),
        # As far apart, but where one cannot see it.
        (CEILING, 0, inf, "cannot tell", "ceiling"),
        # That nothing is lost can be seen there.
        (CEILING, -2, inf, "holds", ""),
        # Equal is not better.
        ([[90.0, 90]] * 3, 0, inf, "does not hold", ""),
        (np.empty((0, 1)), 90, inf, "not run", "no cell has it"),
    ],
)
def test_a_verdict_is_that_of_the_interval(sides, low, high, said, reason):
    found = verdict(pd.DataFrame(sides), low, high)
    assert found[0] == said and reason in found[1] and bool(reason) == bool(found[1])


@pytest.mark.parametrize("hold, said", [(True, "holds"), (False, "does not hold")])
def test_every_claim_can_hold_and_fail(tmp_path, hold, said):
    table, _ = TABLES["claims"].make(claimed.write(tmp_path, hold=hold), "ucf101")
    assert table.loc[table["verdict"] != said, "claim"].empty
    assert set(table["seeds"]) == {3} and len(table) > 25


def test_the_interval_is_that_of_student(tmp_path):
    table, _ = TABLES["claims"].make(claimed.write(tmp_path, hold=True), "ucf101")
    row = table.set_index("claim").loc["Static image attacks succeed"]
    # 93.0, 93.1 and 93.2; 4.3027 is the quantile for two degrees of freedom.
    assert (row["ours"], row["ours_std"]) == pytest.approx((93.1, 0.1))
    half = 4.3027 * 0.1 / 3**0.5
    assert row["interval_from"] == pytest.approx(93.1 - half, abs=1e-4)
    assert row["interval_to"] == pytest.approx(93.1 + half, abs=1e-4)


def test_a_published_figure_is_of_the_same_cells(tmp_path):
    table, _ = TABLES["claims"].make(claimed.write(tmp_path, hold=True), "ucf101")
    published = table.set_index("claim")["published"]
    static = np.mean([99.63, 99.26, 99.97, 99.84, 99.34])
    assert published["Static image attacks succeed"] == pytest.approx(static)
    dynamic = np.mean([99.97, 99.44, 100.00, 99.79, 99.34])
    assert published["Dynamic attacks improve ASR"] == pytest.approx(dynamic - static)
    assert published["Attacks on sound succeed"] == pytest.approx((96.36 + 95.96) / 2)
    assert published["Activation clustering finds no natural attack"] == 0
    assert np.isnan(published["Natural attacks evade STRIP"])
