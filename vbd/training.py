"""The one training loop and the one prediction loop, for every model and every phase."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from vbd.data.labelled import Labelled, Trainable
from vbd.provenance import code_sha256, fingerprint
from vbd.resume import Resume
from vbd.sections.model import Training
from vbd.seeds import generator, number

History = dict[str, list[float]]
Criterion = Callable[[Tensor, Tensor], Tensor]


def fit(
    model: nn.Module,
    examples: Trainable,
    settings: Training,
    *,
    seed: int,
    resume: Path | None,
    criterion: Criterion | None = None,
) -> History:
    """Train ``model`` in place on ``examples``; gives mean loss and accuracy (0-1) of each epoch.

    The state after each epoch is kept in ``resume``, in the end the weights: called again, after a
    kill or later on, with everything else the same, it goes on from there and ends with the same
    weights. A state that belongs to other data, settings, weights or code is ignored.

    ``criterion`` gives the loss of logits (B, classes) and labels (B, ...) where it is not to be
    the cross entropy. Where labels are no classes, the accuracy is the share of clips whose highest
    logit is where the highest of the first ``classes`` values is; 0 where there are none (B, 0),
    and the model gives its own losses, not logits. With ``resume`` the ``repr`` of
    the criterion has to say all its settings, as that of a dataclass does.

    A batch is ``settings.batch_size`` clips also where several processes train together
    (``vbd/together.py``): each takes its share, in ``settings.accumulate`` parts one after the
    other. The gradient is that of the whole batch where the criterion is a mean over clips; of
    what is drawn (views, crops, dropout) each process has draws of its own, and BatchNorm sees a
    part at a time, on several GPUs that of all of them.
    """
    # Here, as it takes two seconds that steps which only predict need not wait for.
    from accelerate import Accelerator

    from vbd.device import choose

    # Before the default, whose repr is an address in memory: each process has another.
    stated = repr(criterion)
    criterion = criterion or partial(F.cross_entropy, label_smoothing=settings.label_smoothing)
    device = choose()
    accelerator = Accelerator(cpu=device.type == "cpu")
    # By the weights that the work starts from, so before any state is taken up.
    key = number(settings, seed, code_sha256(), fingerprint(model, examples), stated)
    order = torch.Generator()
    # Positions alone: clips are cut, augmented and triggered a whole batch at a time.
    every = TensorDataset(torch.arange(len(examples)))
    # The same batches in every process, which takes its share of each.
    loader = DataLoader(every, settings.batch_size, shuffle=True, generator=order)
    if accelerator.num_processes > 1 and device.type == "cuda":
        # In place, with the same parameters; on the CPU there is no such thing.
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    optimizer = _optimizer(model, settings)
    prepared, optimizer = accelerator.prepare(model, optimizer)
    learn = _Learn(prepared, examples, criterion, settings, accelerator)
    schedule = _schedule(optimizer, settings, len(loader))
    # The model itself, as its parameters may have other names once it is wrapped.
    kept, parts = Resume(resume, key), (model, optimizer, schedule)
    first, history = _take_up(kept, parts)
    writes = accelerator.is_main_process
    for epoch in range(first, settings.epochs):
        # All randomness of an epoch comes from its number, so a resumed run repeats it; dropout
        # takes no generator and needs the global one.
        order.manual_seed(number(seed, "order", epoch))
        torch.manual_seed(number(seed, "dropout", epoch) + accelerator.process_index)
        draws = generator(seed, "augment", epoch, accelerator.process_index)
        # Summed on the device: reading a number off a GPU in each step would wait for it.
        totals = torch.zeros(3, device=device)
        prepared.train()
        name = f"epoch {epoch + 1}/{settings.epochs}"
        for (batch,) in tqdm(loader, name, disable=None if writes else True, leave=False):
            optimizer.zero_grad()
            totals += learn(batch, draws)
            optimizer.step()
            schedule.step()
        loss, hits, count = accelerator.reduce(totals).tolist()
        history["loss"].append(loss / count)
        history["accuracy"].append(hits / count)
        if writes:
            states = [part.state_dict() for part in parts]
            kept.save({"epoch": epoch + 1, "parts": states, "history": history})
            right = f", accuracy {hits / count:.3f}" if examples.labels.numel() else ""
            print(f"{name}: loss {loss / count:.4f}{right}", flush=True)
    if writes:
        # The optimiser's state is twice as large, and of no more use.
        kept.save({"epoch": settings.epochs, "parts": [model.state_dict()], "history": history})
    return history


@dataclass(frozen=True)
class _Learn:
    """What a batch adds to the gradients of a model, by all processes that train it together."""

    model: nn.Module
    examples: Trainable
    criterion: Criterion
    settings: Training
    accelerator: Any

    def __call__(self, batch: Tensor, draws: torch.Generator) -> Tensor:
        """Add the gradients of the clips at ``batch`` (B,), of which this process sees its share.

        Gives the sums (3,) over that share of losses and of hits, and how many clips it has.
        """
        processes = self.accelerator.num_processes
        share = batch.tensor_split(processes)[self.accelerator.process_index]
        # The last batch may have fewer clips than there are processes, and all wait for each other.
        seen = share if len(share) else batch[:1]
        parts = seen.tensor_split(min(self.settings.accumulate, len(seen)))
        totals = []
        for part in parts:
            # Averaged over the processes, each clip counts as it does in the whole batch.
            weight = len(part) * processes / len(batch) if len(share) else 0.0
            # The processes exchange their gradients once a batch, with the last part.
            last = part is parts[-1]
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                totals.append(self._part(part, draws, weight))
        return torch.stack(totals).sum(0) * bool(len(share))

    def _part(self, positions: Tensor, draws: torch.Generator, weight: float) -> Tensor:
        """The same of one part (P,) of it, whose mean loss counts by ``weight``."""
        device = self.accelerator.device
        mixed = device.type == "cuda" and self.settings.mixed_precision
        clips = self.examples.training_batch(positions, draws, device)
        labels = self.examples.labels[positions].to(device)
        # Here alone: predictions, the loss and the weights are float32 wherever they are made.
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = self.model(clips)
        loss = self.criterion(logits.float(), labels)
        self.accelerator.backward(weight * loss)
        hits, count = _hits(logits.detach(), labels), len(labels)
        # Filled there, as to copy a number to a GPU would wait for the GPU: so the next batch is
        # read from disk while this one is learnt.
        return torch.stack([loss.detach() * count, hits, torch.full_like(hits, count)])


def predict(
    model: nn.Module,
    examples: Labelled,
    *,
    seed: int,
    output: Callable[[Tensor], Tensor] | None = None,
    views: int = 1,
    crops: int = 1,
    batch_size: int = 64,
) -> Tensor:
    """Probabilities (N, classes) of ``examples`` on the CPU, averaged over views and crops.

    ``output`` gives something other than probabilities, such as ``model.features``. ``seed`` is
    what the triggers draw from. Views and crops are those of ``Examples.test_batches``, of which
    about ``batch_size`` go through the model at a time. It is left in evaluation mode.
    """
    output = output or (lambda clips: model(clips).softmax(1))
    device = next(model.parameters()).device
    # The same for every model: before and after a defence clips carry the same triggers.
    draws = generator(seed, "test trigger")
    model.eval()
    outputs = []
    with torch.inference_mode():
        for windows in examples.test_batches(batch_size, draws, views=views, crops=crops):
            values = output(windows.flatten(0, 1).to(device)).float().cpu()
            outputs.append(values.unflatten(0, windows.shape[:2]).mean(1))
    return torch.cat(outputs)


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of a batch are right, a number on its device."""
    # What is to be learnt may be a row of numbers, the first of them one a class, or nothing.
    if labels.dim() == 2:
        labels = labels[:, : logits.shape[1]]
        if not labels.shape[1]:
            return torch.zeros((), device=logits.device)
        labels = labels.argmax(1)
    return (logits.argmax(1) == labels).sum()


def _optimizer(model: nn.Module, settings: Training) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            settings.lr,
            momentum=0.9,
            nesterov=True,
            weight_decay=settings.weight_decay,
        )
    return torch.optim.AdamW(
        model.parameters(), settings.lr, weight_decay=settings.weight_decay, fused=True
    )


def _schedule(
    optimizer: torch.optim.Optimizer, settings: Training, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule == "constant" or not settings.epochs:
        # Changes nothing, so that the loop has a schedule to step in any case.
        return torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    # torch moves the momentum (AdamW: the first beta) too, from 0.95 to 0.85 and back.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.lr, total_steps=steps * settings.epochs, pct_start=0.2
    )


def _take_up(kept: Resume, parts: Sequence[Any]) -> tuple[int, History]:
    """The number of epochs done and their history; ``parts`` are then as they were after these."""
    state = kept.load()
    if state is None:
        return 0, {"loss": [], "accuracy": []}
    # What is done has kept the weights alone.
    for part, values in zip(parts, state["parts"], strict=False):
        part.load_state_dict(values)
    print(f"resumed after epoch {state['epoch']}", flush=True)
    return state["epoch"], state["history"]
