"""The triggers that reconstruction found, as pictures: mask, pattern, and both on a clean frame."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from vbd.defenses.recovered import Scan
from vbd.report.plotting import on_grey
from vbd.seeds import generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = ("mask", "trigger", "on a clip")
# Of more classes those of the smallest masks.
_WIDEST = 12


def sheet(scan: Scan, class_names: Sequence[str], clip: Tensor) -> "Figure":
    """A column a class, the smallest mask first: mask, masked pattern, trigger on a clean frame.

    ``clip`` (T, H, W, 3) uint8; the frame shown is the one where the mask weighs most. The class
    that is flagged is framed in red, and the title gives norm and anomaly index.
    """
    from matplotlib.figure import Figure

    # By norm, but flagged by norm in proportion to evidence: the red one need not be first.
    order = sorted(scan.recovered, key=lambda found: found.norm)[:_WIDEST]
    if scan.accused not in order:
        order[-1] = scan.accused
    figure = Figure(figsize=(1.25 * len(order) + 0.4, 4.5), layout="constrained")
    grid = figure.subplots(len(_ROWS), len(order), squeeze=False)
    for column, found in zip(grid.T, order, strict=True):
        guilty = scan.detected and found.target == scan.suspect
        # A dollar would begin a formula, and the names may be a stranger's.
        name = class_names[found.target].replace("$", r"\$")
        title = f"{name}\nnorm {found.norm:.1f}\nindex {scan.of(found.target)[1]:.1f}"
        column[0].set_title(title, fontsize=8, color="red" if guilty else "black")
        frame = int(found.mask.sum((1, 2, 3)).argmax())
        mask = found.mask[frame].numpy()
        # A stamp draws nothing; every trigger takes a generator.
        marked = found.trigger()(clip[None], generator(0))[0]
        column[0].imshow(mask, cmap="gray", vmin=0, vmax=1)
        column[1].imshow(on_grey(mask, found.pattern.numpy()))
        column[2].imshow(marked[frame % len(marked)].numpy())
        for axis in column:
            axis.set(xticks=[], yticks=[])
            if guilty:
                axis.spines[:].set(color="red", linewidth=2.5)
    for axis, name in zip(grid[:, 0], _ROWS, strict=True):
        axis.set_ylabel(name, fontsize=9)
    return figure
