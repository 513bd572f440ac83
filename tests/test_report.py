"""Tables say what the results say, beside what was published; figures are there to be looked at."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import screened
import stolen
import torch
from findings import CURVES, METHODS, inverted, scan
from PIL import Image

from vbd.report import plotting, published, writing
from vbd.report.cells import read
from vbd.report.contents import FIGURES, TABLES
from vbd.report.figures import gallery
from vbd.report.headlines import headlines
from vbd.steps import page

GOLDEN = Path(__file__).parent / "golden"
# (model, architecture, attack, mode, seeds): a natural attack, a second architecture, an attack
# that nobody published and a model of sound are among them.
VICTIMS = [
    ("i3d", "i3d", None, None, 2),
    ("slow", "slowfast", None, None, 1),
    ("i3d", "i3d", "badnet", "static", 2),
    ("i3d", "i3d", "badnet", "dynamic", 2),
    ("i3d", "i3d", "my_own", "static", 1),
    ("i3d", "i3d", "frame_lag", "natural", 1),
    ("slow", "slowfast", "badnet", "static", 1),
    ("audio", "audio_resnet", None, None, 1),
    ("audio", "audio_resnet", "sine", "audio", 1),
]
# (video attack, mode, audio attack, fusion, CDA, ASR) of audiovisual cells, in any order.
PAIRS = [
    ("badnet", "static", "sine", "late", 0.9, 0.99),
    ("badnet", "static", None, "late", 0.9, 0.5),
    ("badnet", "static", None, "early", 0.92, 0.95),
    ("frame_lag", "natural", None, "late", 0.9, 0.4),
    (None, None, "sine", "late", 0.91, 0.3),
    (None, None, None, "late", 0.95, None),
    (None, None, None, "early", 0.96, None),
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> dict[str, list[Path]]:
    """Results by the step that makes them; of stealth its one file, of fusion the folders."""
    folder = tmp_path_factory.mktemp("cells")
    found: dict[str, list[Path]] = {"baselines": [], "attacks": [], "ablation": [], "stealth": []}
    found |= {method: [] for method in (*METHODS, *CLEANSE, *INVERTED)}

    def result(kind: str, params: dict, metrics: dict, arrays: dict, **keys: object) -> None:
        path = folder / kind / str(len(found[kind])) / "result.json"
        path.parent.mkdir(parents=True)
        row = {"defense": None, "params": params, "metrics": metrics, "runtime_s": 9.0} | keys
        path.write_text(json.dumps(row))
        np.savez(path.with_name("curves.npz" if "model" in params else "scores.npz"), **arrays)
        found[kind].append(path)

    for model, architecture, attack, mode, seeds in VICTIMS:
        for seed in range(seeds):
            keys = {"model": model, "attack": attack, "mode": mode, "seed": seed}
            shift, sections = 0.02 * seed, {"model": {"architecture": architecture}}
            if attack is None:
                result("baselines", sections, {"cda": 0.95 + shift}, CURVES, **keys)
                if model == "i3d":
                    section = {"defense": {"defense": "neural_cleanse"}}
                    metrics, arrays = scan(seed, target=-1)
                    metrics["cda"] = 0.93
                    result("scans", section, metrics, arrays, **keys, defense="neural_cleanse")
                    section = {"defense": {"defense": "trigger_inversion"}}
                    metrics, arrays = inverted(1 - seed, target=-1)
                    result(
                        "inverted", section, metrics | {"cda": 0.9}, arrays, **keys, defense="ti"
                    )
                continue
            rates = {"cda": 0.94 + shift, "asr": 1 - shift, "ra": shift}
            if mode != "audio":
                rates["asr_video"] = 0.7
            for trained in ("all", 1, "random") if mode == "dynamic" else ("all",):
                tested = {"asr_frames_1": 0.3, "asr_frames_8": 0.9} if mode == "dynamic" else {}
                threat = {"attack": {"trigger": attack, "frames": trained, "rate": 0.1}}
                kind = "attacks" if trained == "all" else "ablation"
                result(kind, sections | threat, rates | tested, CURVES, **keys)
            cleanse = scan(seed, target=0 if mode == "static" else 1)
            searches = {
                "neural_cleanse": cleanse,
                "trigger_inversion": inverted(seed, 0 if mode == "natural" else 1),
            }
            for method, (metrics, arrays) in (METHODS | searches).items():
                # One cell is missing.
                if model == "i3d" and attack != "my_own" and (method, mode) != ("strip", "natural"):
                    threat = {"attack": {"trigger": attack, "rate": 0.1}}
                    threat["defense"] = {"defense": method}
                    left = {"cda": 0.9, "asr": 0.2 + shift, "ra": 0.7, "der": 0.88} | metrics
                    result(method, threat, left, arrays, **keys, defense=method)
    keys = {"model": "lstm", "attack": "mine", "mode": "static", "seed": 0}
    sections = {"model": {"architecture": "cnn_lstm"}, "attack": {"trigger": "optimised"}}
    rates = {"cda": 0.92, "asr": 0.99, "ra": 0.01}
    result("optimised", sections, rates, CURVES, **keys)
    del sections["model"]
    sections["defense"], (metrics, arrays) = {"defense": "neural_cleanse"}, scan(0, target=0)
    metrics |= {"cda": 0.86, "asr": 0.12, "ra": 0.7}
    result("optimised", sections, metrics, arrays, **keys, defense="neural_cleanse")
    found["stealth"].append(folder / "stealth.json")
    row = {"attack": "frame_lag", "mode": "natural", "trigger": "frame_lag", "psnr": 31.234}
    row |= {"ssim": 0.98765, "change_mean": 1.5, "change_max": 201.0, "unchanged": 1, "clips": 40}
    heard = {"attack": "sine", "mode": "audio", "trigger": "sine", "snr": 20.0, "clips": 40}
    rows = [row, row | {"psnr": None, "unchanged": 40}, heard]
    found["stealth"][0].write_text(json.dumps(rows))
    found["fusion"] = [folder / "fusion" / f"seed{seed}" for seed in range(2)]
    for seed, folder in enumerate(found["fusion"]):
        for number, (video, mode, audio, fusion, cda, asr) in enumerate(PAIRS):
            sides = {
                side: {
                    "attack": name,
                    "params": {"attack": {"trigger": name, "rate": 0.1}} if name else {},
                }
                for side, name in {"video": video, "audio": audio}.items()
            }
            metrics = {"cda": cda} | ({} if asr is None else {"asr": asr - 0.1 * seed, "ra": 0.1})
            row = {"model": "i3d+audio", "mode": mode, "seed": seed, "metrics": metrics}
            path = folder / str(number) / "result.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(row | {"params": {"fusion": fusion} | sides}))
    found |= stolen.write(tmp_path_factory.mktemp("thefts"))
    return found | screened.write(tmp_path_factory.mktemp("screened"))


VICTIM = ("baselines", "attacks")
# Scans of clean models, of attacked ones, and a victim of its own with its scan.
CLEANSE = ("scans", "neural_cleanse", "optimised")
INVERTED = ("inverted", "trigger_inversion")
INPUTS = dict.fromkeys(TABLES, VICTIM) | {
    "summary": (*VICTIM, *METHODS, "neural_cleanse", "scans"),
    "claims": (*VICTIM, "ablation", *METHODS, "fusion"),
    "table5_activation_clustering": ("attacks", "activation_clustering"),
    "table7_audiovisual": ("fusion",),
    "late_fusion": ("fusion",),
    "stealth": ("stealth",),
    "defenses": ("attacks", *METHODS, "neural_cleanse", "scans"),
    "neural_cleanse": CLEANSE,
    "unlearning": (*VICTIM, *CLEANSE),
    "trigger_inversion": (*VICTIM, *INVERTED),
    "vae": ("vae",),
    "several_triggers": ("several",),
    "extraction_grey_box": ("clones",),
    "extraction_black_box": ("clones",),
    "extraction_victims": ("clones",),
    "extraction_answers": ("transfers", "clones"),
    "extraction_monitor": ("transfers",),
    "stolen_backdoors": ("searched", "stolen"),
}


PUBLISHED = dict.fromkeys(TABLES, "ucf101") | {"table6_audio": "kinetics_sounds", "vae": "csaw"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_golden_one(cells, tmp_path, name):
    paths = [path for kind in INPUTS[name] for path in cells[kind]]
    writing.write(*TABLES[name].make(paths, PUBLISHED[name]), tmp_path / "t.csv")
    texts = [(tmp_path / f"t{suffix}").read_text() for suffix in (".csv", ".md", ".tex")]
    assert "\n".join(texts) == (GOLDEN / f"{name}.txt").read_text()


def test_a_table_as_html_shows_a_name_as_it_is_and_loads_nothing(tmp_path):
    table = pd.DataFrame({"attack": ["<script>"], "cda": [90.04]})
    writing.write(table, ["a < b"], tmp_path / "t.csv")
    text = (tmp_path / "t.html").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "a &lt; b" in text and "90.0" in text and "http" not in text


def test_the_page_of_plots_has_its_scripts_in_it(tmp_path, monkeypatch):
    scripts = [tmp_path / name for name in ("first.js", "second.js")]
    for path in scripts:
        path.write_text("text = '</script>'")
    out = tmp_path / "page.html"
    monkeypatch.setattr("sys.argv", ["page", "--scripts", *map(str, scripts), "--out", str(out)])
    page.main()
    text = out.read_text()
    assert text.count("</script>") == 2 and "{plot_divs}" in text
    # Where that stands DVC puts what loads its own from the network.
    assert "{scripts}" not in text


def of_first_seed(path: Path) -> bool:
    if path.is_dir():
        return path.name == "seed0"
    row = json.loads(path.read_text())
    return not isinstance(row, dict) or row["seed"] == 0


@pytest.mark.parametrize("name", TABLES)
def test_no_note_speaks_of_a_mean_over_seeds_where_there_is_one(cells, tmp_path, name):
    paths = [path for kind in INPUTS[name] for path in cells[kind] if of_first_seed(path)]
    writing.write(*TABLES[name].make(paths, PUBLISHED[name]), tmp_path / "t.csv")
    assert "over seeds" not in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize("name", FIGURES)
def test_no_caption_speaks_of_a_mean_over_seeds_without_a_condition(name):
    assert "over seeds" not in FIGURES[name].caption


def test_an_attack_at_another_rate_has_no_published_figures(cells, tmp_path):
    victim = next(path for path in cells["attacks"] if "badnet" in path.read_text())
    row, path = json.loads(victim.read_text()), tmp_path / "result.json"
    row["params"]["attack"]["rate"] = 0.01
    path.write_text(json.dumps(row))
    for result, known in ((victim, True), (path, False)):
        table, _ = TABLES["table1_static"].make([result], "ucf101")
        assert table["asr_published"].notna().all() == known


def test_the_summary_takes_no_mean_over_poisoning_rates(cells, tmp_path):
    victim = next(path for path in cells["attacks"] if "badnet" in path.read_text())
    row, path = json.loads(victim.read_text()), tmp_path / "result.json"
    row["params"]["attack"]["rate"] = 0.02
    path.write_text(json.dumps(row | {"attack": "badnet_at_2_percent"}))
    both, _ = TABLES["summary"].make([victim, path], "ucf101")
    alone, _ = TABLES["summary"].make([path], "ucf101")
    assert both["attacks"].tolist() == [1] == alone["attacks"].tolist()
    assert both["asr"].equals(TABLES["summary"].make([victim], "ucf101")[0]["asr"])


def test_the_row_without_a_defence_is_of_the_seeds_of_the_defences(cells):
    def first(method):
        return [p for p in cells[method] if "badnet" in p.read_text() and of_first_seed(p)]

    table, _ = TABLES["defenses"].make([*cells["attacks"], *first("strip")], "ucf101")
    seeds = table.set_index(["attack", "mode", "defense"])["seeds"]
    assert seeds["badnet", "static", "none"] == seeds["badnet", "static", "strip"] == 1


def test_a_defence_of_one_attack_alone_is_not_missed_in_the_others(cells):
    def of(method, attack):
        return [p for p in cells[method] if json.loads(p.read_text())["attack"] == attack]

    paths = [*cells["attacks"], *cells["fine_pruning"], *of("strip", "badnet")]
    table, _ = TABLES["defenses"].make(paths, "ucf101")
    rows = table.groupby("attack")["defense"].unique().map(set)
    assert rows["frame_lag"] == rows["my_own"] == {"none", "fine_pruning"}
    assert rows["badnet"] == {"none", "fine_pruning", "strip"}
    # One that several were run on is.
    assert set(table.loc[table["seeds"] == 0, "attack"]) == {"my_own"}


# Of what each figure is drawn here, and its panels: the victims with the ablation, or with the
# defence; a bar of colours is one as well.
DRAWN = {
    "curves": (VICTIM, 2),
    "figure4_frames": (("attacks", "ablation"), 1),
    "rates": (("attacks",), 1),
    "figure5_strip": (("strip",), 2),
    "figure6_pruning": (("fine_pruning",), 3),
    "defenses": (("attacks", *METHODS), 2),
    # Four panels a victim.
    "neural_cleanse": (CLEANSE, 4 * 5),
    # A clip before and behind what was found, and that, of three attacks.
    "trigger_inversion": (INVERTED, 3 * 3),
    # Four panels, of two.
    "vae": (("vae",), 4 * 2),
    # Accuracy and agreement, a row a victim; a panel a transfer set.
    "extraction_queries": (("clones",), 2 * 2),
    "stolen_backdoors": (("stolen",), 1),
    "prada_monitor": (("transfers",), 10 + 1),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_from_results(cells, tmp_path, name):
    kinds, panels = DRAWN[name]
    figure = FIGURES[name].make(read([path for kind in kinds for path in cells[kind]]))
    assert len(figure.axes) == panels and all(axis.has_data() for axis in figure.axes)
    plotting.save(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as drawn:
        assert np.asarray(drawn.convert("L")).std() > 10


def test_a_missing_cell_is_a_dash_in_the_heatmap_and_scans_of_clean_models_are_not_there(cells):
    kinds = ("attacks", "strip", "scans")
    axis, _ = FIGURES["defenses"].make(read([path for kind in kinds for path in cells[kind]])).axes
    texts = [text.get_text() for text in axis.texts]
    assert texts.count("-") == 2 and "90 / 21\nDER 88" in texts


def test_a_mode_of_a_users_own_has_a_row_of_its_own_in_the_summary(cells, tmp_path):
    paths = [tmp_path / f"{mode}.json" for mode in ("flash", "hum")]
    row = json.loads(cells["attacks"][0].read_text())
    for path in paths:
        path.write_text(json.dumps(row | {"mode": path.stem}))
    table, _ = TABLES["summary"].make([*cells["baselines"], *paths], "ucf101")
    assert list(table.loc[table["model"] == row["model"], "mode"]) == ["clean", "flash", "hum"]


def test_the_headlines_of_a_model_are_means_over_its_attacks_each_counted_alike(cells):
    kinds = (*VICTIM, "strip", "fine_pruning", "neural_cleanse", "scans")
    found = headlines(read([path for kind in kinds for path in cells[kind]]))
    # BadNet in two modes has two seeds, the other two attacks have one.
    assert found["i3d"] == {
        "cda": 96.0,
        "cda_attacked": 94.5,
        "asr": 99.5,
        "asr_lowest": 99.0,
        "asr_defended": 20.75,
        "cda_best_defense": 90.0,
        "asr_best_defense": 20.67,
        "right_class": 20.0,
        "false_alarms": 50.0,
    }
    assert found["audio"] == {"cda": 95.0, "cda_attacked": 94.0, "asr": 100.0, "asr_lowest": 100.0}


def test_a_defence_of_one_attack_alone_is_not_the_best(cells):
    strip = [path for path in cells["strip"] if "static" in path.read_text()]
    frame = read([*cells["attacks"], *cells["fine_pruning"], *strip])
    frame.loc[frame["method"] == "strip", "asr"] = 0.0
    assert headlines(frame)["i3d"]["asr_best_defense"] == 20.67


def test_only_shares_are_in_percent_and_a_class_has_no_mean(cells):
    found = read(cells["scans"]).iloc[0]
    assert (found["detected"], found["index"], found["passes"]) == (100.0, 4.0, 12000.0)
    assert "found_class" not in found


def test_the_masks_are_of_the_first_seed_and_say_what_was_found(cells):
    figure = FIGURES["neural_cleanse"].make(
        read([path for kind in CLEANSE for path in cells[kind]])
    )
    titles = {axis.get_title() for axis in figure.axes if axis.get_title()}
    assert titles == {
        "badnet\nstatic\nindex 4.0\nfound",
        "badnet\ndynamic\nindex -0.5\nwrong class",
        "frame_lag\nnatural\nindex -0.5\nwrong class",
        "baseline\nindex 4.0\nfalse alarm",
        "mine\nstatic\nindex 4.0\nfound",
    }


def test_many_victims_are_shown_in_two_bands(cells):
    frame = read(cells["neural_cleanse"][:1])
    many = pd.concat([frame.assign(attack=f"one{i}") for i in range(14)])
    figure = FIGURES["neural_cleanse"].make(many.reset_index(drop=True))
    assert len(figure.axes) == 4 * 14 and len(figure.subfigs) == 2


def test_baselines_alone_make_a_table(cells):
    table, _ = TABLES["attacks"].make(cells["baselines"][:1], "ucf101")
    assert table["cda"].item() == 95.0 and table[["asr", "cda_std"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "cell, figures",
    [
        (("ucf101", "i3d", "static", "badnet"), (93.95, 99.63)),
        (("hmdb51", "i3d", None, None), (69.59, None)),
        (("kinetics_sounds", "i3d", "dynamic", "ftrojan"), (82.25, 95.27)),
        (("hmdb51", "i3d", "natural", "motion_blur"), (68.17, 97.52)),
        (("ucf101", "tsm", "natural", "video_corruption"), (95.08, 98.97)),
        (("hmdb51", "tsm", "natural", "video_corruption"), (None, None)),
        (("ucf101", "slowfast", "dynamic", "badnet"), (None, None)),
        (("ucf101", "r3d", None, None), (None, None)),
        (("csaw", "deepid", "static", "sunglasses"), (97.87, None)),
        (("ucf101", "deepid", "static", "sunglasses"), (None, None)),
    ],
)
def test_published_figures_are_those_of_the_paper(cell, figures):
    assert published.attack(*cell) == figures


def test_published_clustering_is_of_i3d_on_ucf101():
    assert published.clustering("ucf101", "i3d", "static", "sig") == (34.21, 15.17)
    assert published.clustering("hmdb51", "i3d", "static", "sig") == (None, None)


def test_published_losses_are_of_the_published_rule_on_its_own_data():
    found = published.vae("csaw", "sunglasses", "published")
    assert found == {"threshold": 0.097, "false_alarms": 40.1, "loss": 0.2, "flagged": 100.0}
    assert published.vae("csaw", "sunglasses", "mean") == {}
    assert published.vae("ucf101", "badnet", "published") == {}


@pytest.mark.parametrize("triggers, tall", [(2, False), (13, True)])
def test_the_sheet_shows_every_trigger(triggers, tall):
    clean = np.zeros((4, 16, 16, 3), np.uint8)
    figure = gallery.sheet(clean, {f"one{i} static": clean for i in range(triggers)})
    assert sum(len(axis.images) for axis in figure.axes) == 3 * triggers
    # Two blocks keep it from growing endlessly.
    width, height = figure.get_size_inches()
    assert (height > width) == tall and height < 1.5 * width


def test_the_loop_moves_and_amplifies(tmp_path):
    clean = np.zeros((4, 16, 16, 3), np.uint8)
    triggered = clean.copy()
    triggered[:, -3:, -3:] = 20
    gallery.loop(clean, triggered, tmp_path / "loop.gif")
    with Image.open(tmp_path / "loop.gif") as moving:
        # Four equal frames become one, so what repeats is stated by the loop alone.
        assert moving.info["loop"] == 0
        last = np.asarray(moving.convert("RGB"))[-1, -1]
    assert (abs(last.astype(int) - 20 * gallery.AMPLIFY) < 12).all()


def test_every_mode_of_an_attack_is_shown():
    clean = torch.zeros(2, 4, 16, 16, 3, dtype=torch.uint8)
    shown = list(gallery.triggered({"attacks": {"mine": {"trigger": "badnet"}}}, clean))
    assert [names for *names, _ in shown] == [["mine", m, "badnet"] for m in ("static", "dynamic")]
    assert all((clips != clean).flatten(1).any(1).all() for *_, clips in shown)
