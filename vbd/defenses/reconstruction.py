"""Trigger reconstruction (Wang et al. 2019): the smallest trigger that turns clips to a class."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from vbd.data.labelled import Labelled
from vbd.defenses.recovered import Recovered
from vbd.defenses.trigger_search import Search
from vbd.provenance import code_sha256, fingerprint
from vbd.resume import Resume
from vbd.seeds import generator, number


def reconstruct(
    model: nn.Module,
    clean: Labelled,
    targets: Sequence[int],
    *,
    seed: int,
    temporal: bool = False,
    block: int = 1,
    rounds: int = 40,
    steps: int = 8,
    batch_size: int = 6,
    together: int = 5,
    lr: float = 0.1,
    cost: float = 1e-3,
    success: float = 0.99,
    confidence: float = 0.95,
    patience: int = 5,
    stop: int = 10,
    resume: Path | None = None,
) -> list[Recovered]:
    """Search the smallest trigger for each class of ``targets`` on the pixels of ``clean``.

    The loss is cross-entropy plus a cost times the L1 norm of the mask. A round is ``steps`` of
    Adam at ``lr``, each on ``batch_size`` clips. The cost starts at ``cost``, doubles after
    ``patience`` rounds in which the share of clips turned was at least ``success``, and falls to
    its 2^1.5th part after as many without. A class is done after ``rounds``, or once its cost has
    risen and fallen and in ``stop`` rounds its mask has not become smaller by a hundredth.

    A clip counts as turned where the class has the probability ``confidence``. Wang et al. take the
    likeliest class: to be sure, a class that was poisoned needs few pixels more, any other class
    half as many again, so that the two are easier to tell apart. A model that was trained with
    label smoothing is never so sure: ask less of it.

    A mask is made of squares of ``block`` pixels: noise of single pixels, which large frames have
    many of, then tells less (UPSAMPLE_SIZE in the code of Wang et al.).

    One mask and one pattern serve all frames; with ``temporal`` the mask of a frame is that one
    mask times a weight of the frame. Views and crops are drawn as in training, so what turns one
    crop alone is not enough.

    The clips of ``together`` classes go through the model in one pass, which is faster until they
    outgrow the cache of a CPU; each class ends as it would alone, up to rounding. What they found
    is kept in the file ``resume``, and the same call goes on after them. The model comes back as
    it was. Gives one trigger for each of ``targets``, in their order.
    """
    device = next(model.parameters()).device
    # Of a batch, not of the store: the crop decides how large a mask is.
    shape = clean.training_batch(torch.tensor([0]), generator(seed), device).shape[1:]
    start = (lr, cost, confidence, temporal, block)
    rules = {"success": success, "patience": patience, "stop": stop}
    sizes = (rounds, steps, batch_size)
    # Neither targets nor together: what a class finds depends on no other, so it serves calls for
    # others too.
    key = number(start, rules, sizes, seed, code_sha256(), fingerprint(model, clean))
    kept = Resume(resume, key)
    found = {one["target"]: Recovered(**one) for one in kept.load() or ()}
    if found:
        print(f"resumed after {len(found)} classes", flush=True)
    todo = [target for target in targets if target not in found]
    groups = [todo[i : i + together] for i in range(0, len(todo), together)]
    bar = tqdm(desc="reconstruct", unit="round", total=rounds * len(groups), disable=None)
    with frozen(model), bar:
        for group in groups:
            search = Search(
                group,
                shape,
                seed,
                device,
                lr=lr,
                cost=cost,
                confidence=confidence,
                temporal=temporal,
                block=block,
            )
            for index in range(rounds):
                if len(search.active):
                    for batch in _batches(clean, steps, batch_size, seed, index, device):
                        search.step(model, batch)
                    search.judge(steps * batch_size, success=success, patience=patience, stop=stop)
                bar.update()
            found |= {one.target: one for one in search.results()}
            # After each group: a kill costs the search of one group at most.
            kept.save([vars(one) for one in found.values()])
    return [found[target] for target in targets]


def _batches(
    clean: Labelled, steps: int, size: int, seed: int, index: int, device: torch.device
) -> Iterator[Tensor]:
    """The batches (size, T, H, W, 3) of round ``index``, float in 0-255: each clip as often."""
    # By seed and round alone: every class meets the same clips, also after a kill.
    draws = generator(seed, "round", index)
    passes = -(-steps * size // len(clean))
    order = torch.cat([torch.randperm(len(clean), generator=draws) for _ in range(passes)])
    for positions in order[: steps * size].split(size):
        yield clean.training_batch(positions, draws, device).float()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode without gradients of its own; as it was afterwards."""
    # In training mode batch norms would take up the statistics of marked clips.
    modes = [(module, module.training) for module in model.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(False)
    for module in model.modules():
        # cuDNN has no backward pass for an RNN in evaluation mode; only its dropout would differ.
        if isinstance(module, nn.RNNBase):
            module.train()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in wanted:
            parameter.requires_grad_(flag)
