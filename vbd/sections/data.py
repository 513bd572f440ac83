"""Datasets: where clips come from, and how they are cut."""

from typing import Annotated, Literal

from pydantic import Field

from vbd.ranges import Seed
from vbd.sections.base import Few, Positive, Section, Share, Side


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
