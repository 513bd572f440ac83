"""Adversarial neuron pruning (Wu and Wang 2021): neurons that noise turns against us are pruned."""

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.func import functional_call
from torch.nn import functional as F

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.defenses.norms import NORMS
from vbd.defenses.stopping import allowance, correct, last_accepted
from vbd.ranges import Above0, Count, From0, Ratio
from vbd.seeds import generator, number
from vbd.training import predict


class Neurons:
    """The channels of all batch norms of a model, (C,) in one vector.

    Raises ValueError where the model has no batch norm.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.norms = {name: m for name, m in model.named_modules() if isinstance(m, NORMS)}
        if not self.norms:
            raise ValueError("anp prunes channels of batch norms, and the model has none")
        self.sizes = [norm.num_features for norm in self.norms.values()]

    def loss(self, clips: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Cross entropy with the norms' weights and biases multiplied, by (C,) each.

        ``clips`` (B, T, H, W, 3) are pixels, ``labels`` (B,) classes.
        """
        # Called with changed parameters, not written into: the gradient reaches mask and noise.
        changed: dict[str, Tensor] = {}
        parts = zip(weight.split(self.sizes), bias.split(self.sizes), strict=True)
        for (name, norm), (scale, shift) in zip(self.norms.items(), parts, strict=True):
            changed |= {f"{name}.weight": norm.weight * scale, f"{name}.bias": norm.bias * shift}
        return F.cross_entropy(functional_call(self.model, changed, (clips,)), labels)

    @torch.no_grad()
    def pruned(self, kept: Tensor) -> nn.Module:
        """A copy of the model, the weights of the channels that are not ``kept`` (C,) at zero."""
        copied = copy.deepcopy(self.model)
        for name, part in zip(self.norms, kept.split(self.sizes), strict=True):
            copied.get_parameter(f"{name}.weight").mul_(part)
        return copied


class AdversarialNeuronPruning(Repair):
    """Learns which channels the model can do without while others are perturbed against it.

    In each of ``steps`` batches of trusted clips the norms' weights and biases are perturbed: by a
    random share of up to ``eps``, and from there by ``eps`` in the direction that raises the loss.
    As in the authors' code both add up, to 2 ``eps`` at the most. Then a mask over the channels is
    trained at ``lr`` on ``trade_off`` of the loss without and the rest with the perturbation.
    Channels under a threshold of the mask are pruned: the last threshold, in steps of 0.05, that
    loses at most the share ``max_loss`` of the trusted clips, of 60 at 0.1 six clips.
    """

    pixels = False

    def __init__(
        self,
        *,
        eps: From0 = 0.4,
        trade_off: Ratio = 0.2,
        lr: Above0 = 0.2,
        steps: Count = 2000,
        batch_size: Count = 128,
        max_loss: Ratio = 0.1,
    ) -> None:
        self.eps, self.trade_off, self.lr = eps, trade_off, lr
        self.steps, self.batch_size, self.max_loss = steps, batch_size, max_loss

    def check(self, model: nn.Module) -> None:
        Neurons(model)

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        mask, neurons = self.mask(model, clean, seed), Neurons(model)
        # Nothing lies below -1: the first is the model as it was.
        kept = [mask > threshold for threshold in (-1.0, *torch.arange(0, 1, 0.05).tolist())]
        # One after the other, as those after the first that loses too much need not be tried.
        stages = (
            (some, correct(predict(neurons.pruned(some), clean, seed=seed), clean.labels))
            for some in kept
        )
        allowed = allowance(self.max_loss, len(clean))
        last = last_accepted(stages, allowed)
        metrics = {"pruned": 1 - last.float().mean().item(), "clips_allowed": float(allowed)}
        return Repaired(neurons.pruned(last).eval(), metrics)

    def mask(self, model: nn.Module, clean: Labelled, seed: int) -> Tensor:
        """How much of each channel (C,) is worth keeping, 0 to 1."""
        # In training mode, as in the authors' code: with fixed statistics the noise of a norm grows
        # from layer to layer, and no channel can be spared.
        neurons, device = Neurons(copy.deepcopy(model).train()), next(model.parameters()).device
        mask = torch.ones(sum(neurons.sizes), device=device, requires_grad=True)
        optimizer = torch.optim.SGD([mask], self.lr, momentum=0.9)
        draws, still = generator(seed, "anp"), torch.zeros(2, len(mask), device=device)
        # Dropout, at work in this mode, takes no generator and needs the global one.
        torch.manual_seed(number(seed, "dropout"))
        for _ in range(self.steps):
            chosen = torch.randperm(len(clean), generator=draws)[: self.batch_size]
            clips = clean.training_batch(chosen, draws, device)
            loss = partial(neurons.loss, clips, clean.labels[chosen].to(device))
            # One signed step from a random start stands for the worst noise.
            noise = torch.empty(2, len(mask)).uniform_(-self.eps, self.eps, generator=draws)
            noise = noise.to(device).requires_grad_()
            (slope,) = grad(loss(mask + noise[0], 1 + noise[1]), noise)
            noise = (noise + self.eps * slope.sign()).detach()
            # The noise is on weights and biases; the mask, like pruning, is on the weights alone.
            natural, robust = (loss(mask + n[0], 1 + n[1]) for n in (still, noise))
            (mask.grad,) = grad(self.trade_off * natural + (1 - self.trade_off) * robust, mask)
            optimizer.step()
            mask.data.clamp_(0, 1)
        return mask.detach()


METHOD = AdversarialNeuronPruning
