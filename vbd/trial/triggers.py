"""Triggers tried: made in each of their modes, and put on a clip of the size that they meet."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vbd.data.size import sides
from vbd.data.sound import RATE
from vbd.mistakes import Mistake
from vbd.sections.data import Dataset
from vbd.sections.method import Attack, Further
from vbd.trial.making import ANY, Making, said
from vbd.triggers.base import Trigger

Stamps = Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]
"""A trigger in each mode."""
PACKAGE = "vbd.triggers"
# A trigger may leave some clips as they are.
TRIES = 3


def made(key: str, attack: Attack) -> Iterator[tuple[Making[Any], Stamps] | Mistake]:
    """The triggers of an attack, each as it was made, and what is wrong with others."""
    parts: list[tuple[str, Attack | Further]] = [(key, attack)]
    parts += [(f"{key}.also.{number}", part) for number, part in enumerate(attack.also)]
    for where, part in parts:
        elsewhere = {"mode": f"{key}.modes", "frames": f"{key}.frames"}
        # The workflow searches it on the clean model, of an attack's first trigger alone.
        searched = part is attack and part.trigger == "optimised" and "path" not in part.params
        if searched:
            elsewhere["path"] = f"{key}.params.path"
        making = Making[Any](
            where, (PACKAGE, "trigger", part.trigger), part.params, elsewhere=elsewhere
        )
        stamps = {}
        for mode in attack.modes if making else ():
            if searched and mode not in making.takes.modes:
                has = ", ".join(making.takes.modes)
                text = f"{mode!r}: this trigger has {has}: set modes: [{has}]"
                making.found.append(Mistake(elsewhere["mode"], text))
            elif not searched:
                how = {"mode": mode, "frames": attack.frames} | part.params
                if (stamp := making.make(partial(making.takes, **how))) is not None:
                    stamps[mode] = stamp
        yield from making.found
        if stamps:
            yield making, stamps


def misfits(making: Making[Any], stamps: Stamps, name: str, dataset: Dataset) -> Iterator[Mistake]:
    """What keeps a trigger from a clip of a dataset."""
    for mode, stamp in stamps.items():
        heard = mode == "audio"
        clip = _sound(dataset) if heard else _clip(dataset)
        try:
            if isinstance(stamp, Trigger) and not heard:
                stamp.check(*clip.shape[1:4])
            if not any(_changed(stamp, clip, number) for number in range(TRIES)):
                raise ValueError(f"changes nothing of a clip ({mode})")
        except ANY as error:
            one = making.blamed(said(error))
            yield Mistake(one.key, f"{one.text} (on clips of datasets.{name})")
            return


def _changed(stamp: Callable[[Tensor, torch.Generator], Tensor], clip: Tensor, number: int) -> bool:
    marked = stamp(clip.clone(), torch.Generator().manual_seed(number))
    if marked.shape != clip.shape or marked.dtype != clip.dtype:
        raise ValueError(
            f"of {clip.dtype} {tuple(clip.shape)} it makes {marked.dtype} {tuple(marked.shape)}"
        )
    return not torch.equal(marked, clip)


def _clip(dataset: Dataset) -> Tensor:
    """Noise of the size of a clip (1, T, H, W, 3): every change shows."""
    shape = (1, dataset.frames, *sides(dataset.crop), 3)
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=draws)


def _sound(dataset: Dataset) -> Tensor:
    draws = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(1, round(RATE * dataset.sound_seconds), generator=draws)
