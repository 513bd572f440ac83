"""Tables of Neural Cleanse: what its scans find in every victim, and what unlearning leaves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vbd.report import published
from vbd.report.cells import OVER_SEEDS, SPREAD, Table, read, summarise, with_before

_KEYS = ["model", "attack", "mode", "defense"]
_RATES = ["cda", "asr", "ra"]


def neural_cleanse(paths: Sequence[Path], dataset: str) -> Table:
    """Neural Cleanse against every attack, and on clean models: a row a cell."""
    verdicts = ["detected", "right_class", "detected_by_norms", "right_class_by_norms"]
    found = ["index", "target_index", "index_of_norms", "norm", "norm_median", "trigger_asr"]
    metrics = [*verdicts, *found, "asr", "passes", "runtime_s"]
    frame = read(paths)
    table = summarise(frame[frame["method"] == "neural_cleanse"], metrics, keys=_KEYS)
    notes = [
        f"Rates and IoU in percent, {OVER_SEEDS}.",
        "Detected: share of the seeds in which a class is flagged, on a clean model (baseline) "
        "that of false alarms; right class: share in which it is the attacker's target.",
        "Index: how far the trigger of the suspect class lies below the median of the other "
        "classes, in 1.4826 of their median absolute deviations of the log norm in proportion to "
        "the evidence that it has to bring; the deviation counts as log 2 where it is smaller. "
        "Beyond 2.75 the class is flagged. Target index: the same of the attacker's target, "
        "negative above the median.",
        "By norms: the rule of Wang et al., which compares the norms as they are, with the median "
        "of all, and flags beyond 2. Where it flags the suspect class, that is flagged too.",
        "Norm: of the trigger of the suspect class, and the median of all, in pixels of a frame.",
        "ASR of the trigger: share of the clean test clips of other classes that the suspect "
        "class's trigger turns to it. ASR: of the true trigger, once what was found is unlearned.",
        "Passes: forward and backward, of single clips. Runtime: seconds of scan and unlearning.",
        "-: a clean model has no target.",
    ]
    # The deviation of yes and no says nothing that their mean does not.
    return table.drop(columns=[f"{name}_std" for name in verdicts]), notes


def unlearning(paths: Sequence[Path], dataset: str) -> Table:
    """CDA, ASR and RA before and after what Neural Cleanse found was unlearned."""
    both = with_before(read(paths), "neural_cleanse", _RATES)

    def beside(row: pd.Series) -> Mapping[str, float | None]:
        return published.unlearning(dataset, row["architecture"], row["trigger"])

    metrics = [name for rate in _RATES for name in (f"{rate}_before", rate)]
    table = summarise(both, [*metrics, "detected"], keys=_KEYS, beside=beside)
    notes = [
        SPREAD,
        "RA: accuracy on triggered clips. Detected: share of the seeds in which a class is "
        "flagged. Where none is, nothing is unlearned, and what comes after is what was before.",
        'Published, approximately: "Neural Cleanse for Video", a CNN+LSTM with the optimised '
        "trigger on ten classes of UCF-101, an ASR below 15 afterwards. It does not detect, and "
        "unlearns the attacker's own trigger.",
        "-: no trigger in a baseline, or no such figure published.",
    ]
    # They are approximate: whole numbers, of a type that has gaps.
    rounded = [name for name in table if name.endswith("_published")]
    return table.drop(columns="detected_std").astype(dict.fromkeys(rounded, "Int64")), notes
