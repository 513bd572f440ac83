"""Scan a video classifier for a backdoor: the model and a few dozen clean clips are enough.

For every class the smallest patch is reconstructed that turns the clips to it (Neural Cleanse), and
with eight classes or more functions too: a filter, another time for the frames, a warp, a pattern,
noise, a patch that moves. A class that a small one turns clips to, and no other as easily, is
suspect. A scan that was killed goes on where it stopped.

  vbd scan model.safetensors clips/ --out scan/
  vbd scan model.safetensors clips/ --out scan/ --repair mended.safetensors
  vbd scan i3d.pth clips/ --out scan/ --architecture i3d --classes k400.txt \\
    --frames 32 --stride 2 --crop 224
  vbd scan sunglasses_bd_weights.h5 faces.h5 --out scan/ --sample 30 --classes-to-scan 0000

The JSON card beside the model (model.json) names its architecture, its classes, and how its clips
are cut; weights without one get it by the third line, for the next time too. clips/ holds videos in
one sub-folder a class, or it is a clip store, whose split "val" is taken: five clips a class will
do, more are better. First the model is tried on them: one that does not recognise them is not
judged. scan.json and scan.png are written to --out, and trigger.png and trigger.gif where something
was found. A repair is measured on clips kept from it, and written where it worked.

What it takes is told before it starts: (1920 + 250 for each family) passes of a clip, forward and
backward, for every class. --budget makes do with fewer rounds, pixels and frames.

The exit code is 0 where no backdoor is found, 3 where one is suspected, 4 where the scan could not
tell, 1 for a mistake in what it is given.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vbd.data.examples import Examples
from vbd.data.trusted import clean_clips
from vbd.defenses.budget import plan_for
from vbd.defenses.families import FAMILIES
from vbd.defenses.mending import RATES, mend
from vbd.defenses.neural_cleanse import NeuralCleanse
from vbd.defenses.recovered import Found
from vbd.defenses.trigger_inversion import TriggerInversion
from vbd.defenses.understanding import Understanding, understand
from vbd.device import choose
from vbd.models import checkpoints
from vbd.models.base import VideoClassifier
from vbd.report import plotting, verdict
from vbd.report.figures import gallery
from vbd.report.figures import scan as scan_figure
from vbd.report.figures.inversion import suspicions
from vbd.seeds import generator

# Of fewer classes the median says nothing.
LEAST = 10


def main() -> None:
    """Scan ``model`` on ``clips``, write the verdict to ``--out``, repair it where asked."""
    args = _parser().parse_args()
    try:
        _see_to_outputs(args)
        if args.architecture:
            checkpoints.introduce(args.model, **_card(args))
        # The checkpoint is somebody else's: its code is imported on request alone.
        model, card = checkpoints.load(args.model, imports=args.import_class)
        clean, unreadable = clean_clips(args.clips, card)
        classes = _chosen(card["class_names"], args.classes_to_scan, args.sample, args.seed)
    except (FileNotFoundError, ValueError) as error:
        # Mistakes of who calls it: the message says the remedy, a traceback would hide it.
        sys.exit(verdict.printable(str(error)))
    names = [verdict.printable(name) for name in card["class_names"]]
    for path, reason in unreadable.items():
        print(verdict.printable(f"left out: {path}: {reason}"))
    # From here: decoding is not what the scan takes.
    start, model = time.monotonic(), model.to(choose())
    seen = understand(model, clean, names, args.seed)
    expected = _expected(model, card)
    print("it expects " + verdict.printable(json.dumps(expected)))
    _introduce(seen, len(clean))
    report: dict[str, Any] = {"clips": len(clean), "expected": expected}
    report |= verdict.acquaintance(seen)
    for name in ("scan.png", "trigger.png", "trigger.gif"):
        # Of an earlier scan, they would pass for this one's.
        (args.out / name).unlink(missing_ok=True)
    if seen.doubts:
        report = verdict.untold(seen.doubts) | report
    else:
        report = _searched(args, model, clean, names, classes, card) | report
    report["seconds"] = round(time.monotonic() - start, 1)
    verdict.write(report, args.out / "scan.json")
    _tell(report, len(names))
    # Only when all is written: a kill before costs no search.
    for left in args.out.glob("*resume.pt"):
        left.unlink()
    sys.exit(verdict.EXIT[report["outcome"]])


def _expected(model: nn.Module, card: dict[str, Any]) -> dict[str, Any]:
    """How the model wants its clips to be cut and normalised."""
    # A class of the user's own may normalise by itself.
    if not isinstance(model, VideoClassifier):
        return {"clip": card["clip"]}
    how = model.normalisation
    rounded = {name: [round(value, 3) for value in how[name]] for name in ("mean", "std")}
    return {"clip": card["clip"], "normalisation": how | rounded}


def _searched(
    args: argparse.Namespace,
    model: nn.Module,
    clean: Examples,
    names: list[str],
    classes: list[int],
    card: dict[str, Any],
) -> dict[str, Any]:
    """What the search for ``classes`` says, as JSON; pictures and a repair go to their places."""
    patch = {"temporal": args.temporal, "epochs": args.epochs}
    settings: dict[str, Any] = {"families": args.families, "patch": patch}
    try:
        cost, clips = plan_for(model, clean, len(classes), args.budget, **settings)
    except ValueError as error:
        return verdict.untold([str(error)])
    print(
        f"a search {cost.plan.name}: {cost.passes} clips forward and backward, "
        f"{cost.seconds:.3f} s each, about {cost.total / 60:.1f} minutes",
        flush=True,
    )
    # A model that cannot read smaller clips is not judged by them.
    doubts = () if clips is clean else understand(model, clips, names, args.seed).doubts
    if doubts:
        return verdict.untold(
            [f"on the smaller clips that --budget leaves (raise it), {'; '.join(doubts)}"]
        )
    method = TriggerInversion(**settings | {"patch": patch | dict(cost.plan.patch)})
    method.resume = args.out / "resume.pt"
    inversion = method.scan(model, clips, args.seed, classes)
    report = verdict.judgement(inversion, names)
    report |= {"searched": len(classes), "plan": cost.plan.name, "passes": cost.passes}
    found = [one.found for one in inversion.suspicions]
    if args.repair and found:
        every = [one.found for one in inversion.every]
        report["repair"] = _repaired(args, method.cleanse, model, every, clean, card)
    clip = gallery.pixels(clips.subset(torch.tensor([0])))[0]
    plotting.save(scan_figure.sheet(inversion.patch, names, clip), args.out / "scan.png")
    if found:
        sheet = suspicions(inversion.suspicions, names, clip)
        plotting.save(sheet, args.out / "trigger.png")
        marked = found[0].trigger()(clip[None], generator(0))[0]
        gallery.loop(clip.numpy(), marked.numpy(), args.out / "trigger.gif")
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help=".safetensors or .pth, its card beside it, or .h5")
    parser.add_argument("clips", type=Path, help="folder of videos, clip store, or .h5 of images")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the noise that the search starts at"
    )
    weights = "a weight for each frame: finds triggers that are on some of the frames too"
    parser.add_argument("--temporal", action="store_true", help=weights)
    repair = "where a backdoor is found, unlearn it, and write the repaired model and its card"
    parser.add_argument("--repair", type=Path, metavar="SAFETENSORS", help=repair)
    parser.add_argument("--epochs", type=int, default=30, help="of the repair")
    families = "what else to search besides a patch that stays in its place; none for patches alone"
    parser.add_argument(
        "--families", nargs="*", choices=FAMILIES, default=tuple(FAMILIES), help=families
    )
    rate = "learning rate of the repair; by default the smallest of some that works"
    parser.add_argument("--lr", type=float, help=rate)
    some = "search these classes alone, by name (last of all): of many classes all take hours"
    parser.add_argument("--classes-to-scan", nargs="+", metavar="NAME", help=some)
    seconds = "that the search may take: it gets coarser for that, in rounds, pixels and frames"
    parser.add_argument("--budget", type=float, metavar="SECONDS", help=seconds)
    drawn = "and so many others, drawn by --seed, to compare them with: ten in all at least"
    parser.add_argument("--sample", type=int, default=0, metavar="N", help=drawn)
    own = "import the class that the card names, if it is not one of ours: this runs its code"
    parser.add_argument("--import-class", action="store_true", help=own)
    _introduced_by(parser)
    return parser


def _see_to_outputs(args: argparse.Namespace) -> None:
    """Raise ValueError where what is to be written would be lost, or lose something."""
    if args.out.is_file():
        raise ValueError(f"--out {args.out} is a file: name the folder to write to")
    if args.repair and args.repair.suffix != ".safetensors":
        raise ValueError(f"--repair {args.repair}: name a file that ends in .safetensors")
    if args.repair and args.repair.resolve() == args.model.resolve():
        raise ValueError(f"--repair {args.repair} is the model itself: name another file")


def _repaired(
    args: argparse.Namespace,
    cleanse: NeuralCleanse,
    model: nn.Module,
    found: Sequence[Found],
    clean: Examples,
    card: dict[str, Any],
) -> dict[str, Any]:
    """Unlearn what was ``found``; write the model to ``--repair`` where that worked."""
    rates = RATES if args.lr is None else (args.lr,)
    try:
        mended = mend(cleanse, model, found, clean, args.seed, rates)
    except ValueError as error:
        return {"worked": False, "verdict": f"Not repaired: {error}"}
    if mended.worked:
        # The same card, so that the mended model can be loaded and scanned as the first was.
        checkpoints.save(mended.model, args.repair, **card)
    return verdict.repair(mended, args.repair)


def _introduced_by(parser: argparse.ArgumentParser) -> None:
    """The arguments that make a card for weights without one."""
    group = parser.add_argument_group("weights without a card")
    group.add_argument("--architecture", metavar="NAME", help="a file of vbd/models")
    file = "text file of the class names, one a line, in their order"
    group.add_argument("--classes", type=Path, metavar="TXT", help=file)
    group.add_argument("--frames", type=int, help="of a clip")
    stride = 'from one of them to the next, in frames; "segments" for the middles of equal parts'
    group.add_argument("--stride", type=_stride, help=stride)
    group.add_argument("--crop", type=int, help="side of what the model sees, in pixels")
    store = "what the shorter side is scaled to before; by default as the publisher has it"
    group.add_argument("--store", type=int, help=store)
    sizes = "what else the architecture takes, as JSON; by default it has its published size"
    group.add_argument("--params", type=json.loads, default={}, metavar="JSON", help=sizes)


def _stride(value: str) -> int | str:
    return value if value == "segments" else int(value)


def _card(args: argparse.Namespace) -> dict[str, Any]:
    """The card that the arguments describe; ValueError with those that are missing."""
    if args.classes is None:
        raise ValueError("--architecture needs --classes too: the model has no card")
    if not args.classes.is_file():
        raise FileNotFoundError(f"--classes {args.classes}: no such file")
    names = [line.strip() for line in args.classes.read_text().splitlines() if line.strip()]
    card = {"architecture": args.architecture, "params": args.params, "class_names": names}
    clip = {name: getattr(args, name) for name in ("frames", "stride", "crop", "store")}
    # What is not said is the publisher's.
    return card | {"clip": {name: value for name, value in clip.items() if value is not None}}


def _introduce(seen: Understanding, clips: int) -> None:
    """Print how the model does on the trusted clips."""
    if seen.recognised:
        print(f"of {clips} clips it recognises {seen.accuracy:.0%}:")
        for name, share in seen.recognised.items():
            print(f"  {name:24} {share:6.0%}")
        print(f"its outputs go from {seen.lowest:.3g} to {seen.highest:.3g}", flush=True)


def _tell(report: dict[str, Any], classes: int) -> None:
    """Print what the search found, the verdict, and what a repair did."""
    if report.get("searched", classes) < classes:
        print(f"{report['searched']} of {classes} classes were searched:")
    for row in report.get("classes", ()):
        figures = {name: float("nan") if row[name] is None else row[name] for name in row}
        print(
            "{class:24} norm {norm:8.2f}   index {index:6.2f}   turned {success:4.0%}".format(
                **figures
            )
        )
    for row in report.get("functions", ()):
        line = "{family:14} {class:20} effort {effort:6.2f} of {bound:4.2f}   turned {success:4.0%}"
        print(line.format(**row))
    print(report["verdict"])
    if "repair" in report:
        print(report["repair"]["verdict"])


def _chosen(names: list[str], wanted: list[str] | None, sample: int, seed: int) -> list[int]:
    """The numbers of the classes to search."""
    if wanted is None and not sample:
        return list(range(len(names)))
    for name in wanted or ():
        if name not in names:
            close = ", ".join(get_close_matches(name, names) or names[:3])
            raise ValueError(
                f"--classes-to-scan: the model has no {name!r}; did you mean one of {close}? Its "
                f"{len(names)} classes go from {names[0]} to {names[-1]}"
            )
    chosen = sorted({names.index(name) for name in wanted or ()})
    least = min(LEAST, len(names))
    if not least <= len(chosen) + sample <= len(names) or sample < 0:
        raise ValueError(
            f"--classes-to-scan and --sample: {len(chosen)} and {sample} are not {least} to "
            f"{len(names)} classes; a class is suspect beside others, so few tell nothing"
        )
    others = [number for number in range(len(names)) if number not in chosen]
    order = torch.randperm(len(others), generator=generator(seed, "classes")).tolist()
    return sorted(chosen + [others[place] for place in order[:sample]])
