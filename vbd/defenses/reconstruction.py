"""Trigger reconstruction (Wang et al. 2019): the smallest trigger that turns clips to a class."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from tqdm import tqdm

from vbd.data.examples import Examples
from vbd.defenses.trigger_search import Recovered, Search
from vbd.seeds import generator


def reconstruct(
    model: nn.Module,
    clean: Examples,
    targets: Sequence[int],
    *,
    seed: int,
    temporal: bool = False,
    rounds: int = 100,
    batch_size: int = 12,
    lr: float = 0.1,
    cost: float = 1e-3,
    success: float = 0.99,
    patience: int = 5,
    stop: int = 10,
) -> list[Recovered]:
    """Search the smallest trigger for each class of ``targets`` on the pixels of ``clean``.

    The loss is cross-entropy plus a cost times the L1 norm of the mask. The cost starts at
    ``cost``, doubles after ``patience`` rounds in which the share of clips turned was at least
    ``success``, and falls to its 2^1.5th part after as many without. A class is done after
    ``rounds`` passes over the clips, or once its cost has risen and fallen and in ``stop`` rounds
    its mask has not become smaller by a hundredth.

    One mask and one pattern serve all frames; with ``temporal`` the mask of a frame is that one
    mask times a weight of the frame. Views and crops are drawn as in training, so what turns one
    crop alone is not enough.

    Classes take turns on each batch, and those that are done drop out. None sees another: its
    noise, cost and optimiser are its own, so it ends as it would alone. The model comes back as it
    was.
    """
    device = next(model.parameters()).device
    shape = clean.training_batch(torch.tensor([0]), generator(seed), device).shape[1:]
    settings = {"lr": lr, "cost": cost, "temporal": temporal}
    searches = [Search(target, shape, seed, device, **settings) for target in targets]
    with _frozen(model):
        for number in tqdm(range(rounds), "reconstruct", unit="round", disable=None, leave=False):
            active = [search for search in searches if not search.settled(stop)]
            if not active:
                break
            draws = generator(seed, "round", number)
            order = torch.randperm(len(clean), generator=draws)
            for positions in order.split(batch_size):
                batch = clean.training_batch(positions, draws, device).float()
                for search in active:
                    search.step(model, batch)
            for search in active:
                search.judge(len(clean), success, patience)
    return [search.result(len(clean)) for search in searches]


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode without gradients of its own; as it was afterwards."""
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
