"""I-BAU (Zeng et al. 2022): the model unlearns the worst perturbation that all clips can share."""

import copy

import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn import functional as F

from vbd.data.labelled import Labelled
from vbd.defenses.base import Repair, Repaired
from vbd.ranges import Above0, Count, Whole
from vbd.seeds import generator

# Pixels (N, T, H, W, 3) in grey levels and labels (N,).
Batch = tuple[Tensor, Tensor]

# As in the authors' code: a perturbation is in standard deviations, here of so many grey levels;
# the weight of its squared norm; the step of the fixed-point iteration.
UNIT, PENALTY, STEP = 57.0, 0.001, 0.1


class ImplicitUnlearning(Repair):
    """Trains against a universal perturbation, knowing how that answers a change of the weights.

    In each of ``rounds`` a perturbation of whole clips, at most ``radius`` grey levels (root mean
    square), is sought in ``ascents`` steps on the trusted clips. Then Adam at ``lr`` trains all
    weights that learn on the same clips with it, a step a batch; ``fixed_point`` iterations (K)
    estimate the implicit part of the gradient. Statistics of batch norms stay. The wider the
    radius, the more is unlearnt: of the backdoor, and of the classes.

    Two things are not as in the authors' code. It takes plain steps of 10 without a radius; what
    these do depends on the number of frames, so here each is a quarter of the radius long. And it
    puts the perturbation on 1 % of a batch in the outer step; here all of it carries it, as 1 % of
    a batch of 17 is no clip.
    """

    def __init__(
        self,
        *,
        rounds: Count = 5,
        fixed_point: Whole = 5,
        lr: Above0 = 1e-3,
        radius: Above0 = 10.0,
        ascents: Count = 12,
        batch_size: Count = 100,
    ) -> None:
        self.rounds, self.fixed_point, self.lr = rounds, fixed_point, lr
        self.radius, self.ascents, self.batch_size = radius, ascents, batch_size

    def __call__(self, model: nn.Module, train: Labelled, clean: Labelled, seed: int) -> Repaired:
        model = copy.deepcopy(model).eval()
        weights = _learnt(model)
        optimizer = torch.optim.Adam(weights, self.lr)
        draws = generator(seed, "ibau")
        for _ in range(self.rounds):
            order = torch.randperm(len(clean), generator=draws).split(self.batch_size)
            device = weights[0].device
            batches = [
                (clean.training_batch(part, draws, device).float(), clean.labels[part].to(device))
                for part in order
            ]
            # The same crops for both: what was sought on these pixels is unlearned on them.
            shared = self.perturbation(model, batches)
            for batch in batches:
                slopes = self.hypergradient(model, shared, batch)
                for weight, slope in zip(weights, slopes, strict=True):
                    weight.grad = slope
                optimizer.step()
        return Repaired(model)

    def perturbation(self, model: nn.Module, batches: list[Batch]) -> Tensor:
        """The worst (T, H, W, 3) for all ``batches``, in units of UNIT grey levels."""
        radius = self.radius / UNIT
        shared = torch.zeros_like(batches[0][0][0])
        for index in range(self.ascents):
            shared.requires_grad_()
            batch = batches[index % len(batches)]
            # The radius bounds the norm already.
            (slope,) = grad(relief(model, shared, batch, penalty=0.0), shared)
            shared = shared.detach() - radius / 4 * slope / _size(slope)
            shared = shared * (radius / _size(shared)).clamp(max=1)
        return shared

    def hypergradient(self, model: nn.Module, shared: Tensor, batch: Batch) -> list[Tensor]:
        """The loss's total derivative by each weight, ``shared`` following the weights.

        ``shared`` (T, H, W, 3) is in units of UNIT grey levels; one tensor a parameter that
        learns, in order.
        """
        weights, shared = _learnt(model), shared.detach().requires_grad_()
        loss = -relief(model, shared, batch, penalty=0.0)
        slope, *direct = grad(loss, [shared, *weights], allow_unused=True, materialize_grads=True)
        (inner,) = grad(relief(model, shared, batch), shared, create_graph=True)
        # K steps to the fixed point of a = a J + slope, J that of the inner step: the implicit
        # function theorem with products of vectors, no Hessian is formed.
        mapped = shared - STEP * inner
        # From zero the first step gives the slope itself: nothing to differentiate for.
        answer = slope
        for _ in range(self.fixed_point - 1):
            (answer,) = grad(mapped, shared, answer, retain_graph=True)
            answer = answer + slope
        implicit = grad(mapped, weights, answer, allow_unused=True, materialize_grads=True)
        return [one + other for one, other in zip(direct, implicit, strict=True)]


def relief(model: nn.Module, shared: Tensor, batch: Batch, penalty: float = PENALTY) -> Tensor:
    """What the perturbation makes small: minus the loss of the batch, and its own norm.

    ``shared`` (T, H, W, 3) is in units of UNIT grey levels, the result a scalar.
    """
    clips, labels = batch
    loss = F.cross_entropy(model(clips + UNIT * shared), labels)
    return penalty * shared.square().sum() - loss


def _learnt(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def _size(values: Tensor) -> Tensor:
    return values.square().mean().sqrt().clamp(min=1e-12)


METHOD = ImplicitUnlearning
