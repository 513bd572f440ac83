"""What a report holds: an entry for each table and figure, the function that makes it, and of what.

Light, because the workflow reads it too: functions are named here, and imported when they are used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vbd.plugins import load

Cells = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Entry:
    """A table or a figure.

    ``function`` "module:name" below ``vbd.report`` makes it. It is made from the results of
    ``cells``, where there are any, and with them those of ``beside``: kinds of cells (``RESULTS``
    in rules/cells.smk), each with what narrows it, such as {"mode": "static"}. ``options`` go to
    the function. ``published``: the dataset of the published figures, where it is not ours.
    ``each_model``: there is one of every model, ``<name>_<model>``. ``title`` and ``caption`` stand
    in Snakemake's report, ``{dataset}`` and ``{model}`` in them are filled in.
    """

    # By name: the workflow reads this file too, and must not wait for matplotlib and pandas.
    function: str
    cells: Cells
    beside: Cells = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None
    each_model: bool = False
    title: str = ""
    caption: str = ""

    @property
    def file(self) -> str:
        """The file of the function, seen from the folder of the library's package.

        A rule lists it among its inputs, so that an edit of it re-runs this entry and no other.
        """
        return f"vbd/report/{self.function.partition(':')[0].replace('.', '/')}.py"

    def make(self, *arguments: Any) -> Any:
        """A table of (results, dataset), or a figure of a frame of results."""
        # The one file that is asked for is imported, when it is.
        return load("vbd.report", f"vbd.report.{self.function}")(*arguments, **self.options)


# By method, not by name: params.yaml may call a defence anything, or have two of a method.
_CLUSTERING: Cells = {"defended": {"method": "activation_clustering"}}
_VAE: Cells = {"defended": {"method": "vae"}}


def _scans(method: str) -> Cells:
    """What a method finds, with the scans of clean models, whose findings are false alarms."""
    return {"scanned": {"method": method}, "defended": {"method": method}}


_PATCHES, _INVERSIONS = _scans("neural_cleanse"), _scans("trigger_inversion")


def _of_mode(mode: str, published: str | None = None) -> Entry:
    cells = {"attacked": {"mode": mode}}
    # Not of other models: a table of frames must not wait for those of sound or of extraction.
    beside = {"baselines": {"mode": mode}}
    return Entry("tables.attacks:of_mode", cells, beside, {"mode": mode}, published)


# Of clean victims that let out all that they computed.
_FREE = {"stolen": {"victims": "clean", "answers": "free"}}


def _thefts(setting: str) -> Entry:
    cells = {"stolen": _FREE["stolen"] | {"setting": setting}}
    return Entry("tables.extraction:of_setting", cells, options={"setting": setting})


# Of clean victims, and of poisoned ones.
_CLONES: Cells = {"stolen": {"victims": "clean"}}
_STOLEN: Cells = {"stolen": {"victims": "poisoned"}}

TABLES = {
    "summary": Entry("tables.summary:summary", {"victims": {}, "defended": {}}),
    "claims": Entry(
        "tables.claims:claims", {"claimed": {}}, {"ablated": {}, "defended": {}, "fused": {}}
    ),
    "attacks": Entry("tables.attacks:attacks", {"victims": {}}),
    "table1_static": _of_mode("static"),
    "table2_dynamic": _of_mode("dynamic"),
    "table3_natural": _of_mode("natural"),
    "table4_architectures": Entry("tables.attacks:architectures", {"compared": {}}),
    # The victims say which architecture it was.
    "table5_activation_clustering": Entry(
        "tables.defenses:activation_clustering", _CLUSTERING, {"attacked": {}}
    ),
    "several_triggers": Entry("tables.attacks:several", {"attacked": {"several": True}}),
    # Sound is published on Kinetics-Sounds alone, whatever ours is.
    "table6_audio": _of_mode("audio", "kinetics_sounds"),
    "table7_audiovisual": Entry(
        "tables.audiovisual:fusion", {"fused": {}}, published="kinetics_sounds"
    ),
    "late_fusion": Entry("tables.audiovisual:late_fusion", {"fused": {}}),
    "stealth": Entry("tables.attacks:stealth", {"stealth": {}}),
    "defenses": Entry("tables.defenses:defenses", {"defended": {}}, {"attacked": {}}),
    "neural_cleanse": Entry("tables.neural_cleanse:neural_cleanse", _PATCHES),
    "unlearning": Entry(
        "tables.neural_cleanse:unlearning", _PATCHES, {"cleansed": {"method": "neural_cleanse"}}
    ),
    "trigger_inversion": Entry(
        "tables.inversion:inversion", _INVERSIONS, {"cleansed": {"method": "trigger_inversion"}}
    ),
    "vae": Entry("tables.vae:losses", _VAE),
    "extraction_grey_box": _thefts("grey"),
    "extraction_black_box": _thefts("black"),
    "extraction_victims": Entry("tables.extraction:victims", _FREE),
    # Beside what is let out less, the same asked freely.
    "extraction_answers": Entry(
        "tables.oracle:answers",
        {"stolen": {"victims": "clean", "answers": "restricted"}},
        {"asked": {}, **_FREE},
    ),
    "extraction_monitor": Entry("tables.oracle:monitor", {"asked": {}}),
    "stolen_backdoors": Entry("tables.extraction:backdoors", _STOLEN, {"inherited": {}}),
}

FIGURES = {
    "curves": Entry(
        "figures.curves:curves",
        {"victims": {}},
        each_model=True,
        title="training curves, {model}",
        caption="Loss and accuracy on the training clips over epochs, **{model}** on "
        "**{dataset}**: the clean baseline and every attack; of several seeds the mean.",
    ),
    "figure4_frames": Entry(
        "figures.heatmaps:frames",
        {"ablated": {}},
        {"attacked": {}},
        each_model=True,
        title="4: poisoned frames, {model}",
        caption="ASR of **{model}** victims trained on so many poisoned frames a clip (rows; "
        "*random*: a number drawn for each clip) and tested on so many (columns), and the CDA of "
        'each victim in the last column ("Look, Listen, and Attack", Figure 4). In percent, '
        "of several seeds the mean.",
    ),
    "rates": Entry(
        "figures.curves:rates",
        {"rated": {}},
        title="poisoning rates",
        caption="ASR, and dashed the CDA, over the share of the training clips of **{dataset}** "
        "that are poisoned, of triggers that are used at several rates; of several seeds the mean.",
    ),
    "figure5_strip": Entry(
        "figures.curves:strip",
        {"defended": {"method": "strip"}},
        title="5: entropy under STRIP",
        caption="Entropy of the predictions when trusted clips are laid over clean and over "
        'triggered test clips of **{dataset}** ("Look, Listen, and Attack", Figure 5). STRIP works '
        "where the two are apart: it refuses what lies left of the dashed line, which is set on "
        "trusted clips alone.",
    ),
    "figure6_pruning": Entry(
        "figures.curves:pruning",
        {"defended": {"method": "fine_pruning"}},
        title="6: pruning",
        caption="CDA and ASR while the channels that clean clips leave quietest are pruned, on "
        '**{dataset}** ("Look, Listen, and Attack", Figure 6); of several seeds mean and '
        "standard deviation. The dashed line is the last model that fine-pruning accepts, "
        "judged by trusted clips alone.",
    ),
    "defenses": Entry(
        "figures.heatmaps:defenses",
        {"defended": {}},
        {"attacked": {}},
        title="attacks and defences",
        caption="Every defence against every attack on **{dataset}**, of several seeds the mean: "
        "CDA, ASR and DER in percent. DER is 50 where a defence changes nothing and 100 where it "
        "takes the whole ASR at no cost.",
    ),
    "neural_cleanse": Entry(
        "figures.neural_cleanse:neural_cleanse",
        _PATCHES,
        title="recovered triggers",
        caption="What Neural Cleanse recovered from every victim on **{dataset}**, its first seed: "
        "the change that the true trigger makes (the largest is white), mask and pattern for the "
        "attacker's target (for the suspect class of a clean model), and the norms of all classes "
        "in pixels of a frame, for a nat of the evidence that a trigger has to bring. The index is "
        "of the class shown: above 2.75 it is flagged, below 0 its norm is above "
        "the median. *Found*: the target is flagged; *wrong class*: another one is; *missed*: none "
        "is; *false alarm*: one is on a clean model.",
    ),
    "trigger_inversion": Entry(
        "figures.inversion:inversions",
        _INVERSIONS,
        title="inverted triggers",
        caption="What trigger inversion found of every victim on **{dataset}**, its first seed: "
        "frames of a clean clip, the same behind the function that was found, and the function "
        "itself (the kernel of a filter, the time of a playback, the field of a warp, the pattern "
        "of a wave or patch, the power of noise). *Found*: it turns clips to the attacker's "
        "target; *wrong class*: to another one; *false alarm*: the model is clean. Victims of "
        "which nothing was found are left out.",
    ),
    "vae": Entry(
        "figures.vae:restored",
        _VAE,
        title="what a VAE restores",
        caption="The worst frame of a triggered test clip of **{dataset}**, what the VAE makes of "
        "it, its absolute error, and that of the same frame without the trigger (one scale; its "
        "upper end is white); the first seed. AUROC of the mean error, in percent: below 50 the "
        "trigger makes clips easier to restore.",
    ),
    "extraction_queries": Entry(
        "figures.extraction:queries",
        _CLONES,
        title="model extraction over queries",
        caption="Accuracy of the clones of victims on **{dataset}**, and their agreement with "
        "them, over the clips that the victim was sent; of several seeds the mean. Solid: the "
        "thief has clips (grey box); dashed: it has none (black box). Grey lines: the victim, and "
        "chance (dotted).",
    ),
    "stolen_backdoors": Entry(
        "figures.extraction:backdoors",
        _STOLEN,
        title="stolen backdoors",
        caption="Does a stolen model inherit the backdoor? ASR on **{dataset}** of each attack on "
        "its victim, and in clones of the poisoned victim by each theft, whose thief knows neither "
        "trigger nor target; in percent, of several seeds the mean.",
    ),
    "prada_monitor": Entry(
        "figures.extraction:monitor",
        {"asked": {}},
        title="what a monitor sees",
        caption="PRADA in front of victims on **{dataset}**: Shapiro-Wilk's W of the distances "
        "between queries of each transfer set (blue, first seed) and of the victim's own test "
        "clips (grey). Below the dashed line it raises the alarm.",
    ),
}
