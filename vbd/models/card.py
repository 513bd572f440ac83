"""The card of a model, the JSON beside its weights: what a stranger may have written in it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

# No frame, clip or layer of any network here is larger: more would be an attack on the memory.
LARGEST = 100_000
Size = Annotated[int, Field(gt=0, le=4096)]
Sides = Size | Annotated[list[Size], Field(min_length=2, max_length=2)]


class Clip(BaseModel):
    """How the clips of a model of frames are cut: T frames, ``stride`` apart, ``crop`` px.

    They are scaled to cover ``store`` before, where it is not the crop itself. The stride
    "segments" takes the middles of T equal parts of the video.
    """

    model_config = ConfigDict(strict=True)

    frames: Size | None = None
    stride: Size | Literal["segments"] | None = None
    crop: Sides | None = None
    store: Sides | None = None


class Normalisation(BaseModel):
    """What the weights want frames normalised with, in grey levels (R, G, B); ``bgr``: B first."""

    model_config = ConfigDict(strict=True, extra="forbid")

    mean: Annotated[list[float], Field(min_length=3, max_length=3)]
    std: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]
    bgr: bool = False


class Card(BaseModel):
    """What a model is built from, and what it expects; further keys are nobody's business."""

    model_config = ConfigDict(strict=True)

    architecture: str = ""
    params: dict[str, Any] = {}
    class_names: Annotated[list[str], Field(min_length=1)] | None = None
    clip: Clip = Clip()
    version: int = 0
    normalisation: Normalisation | None = None

    @field_validator("params")
    @classmethod
    def _moderate(cls, params: dict[str, Any]) -> dict[str, Any]:
        values = [params]
        while values:
            value = values.pop()
            if isinstance(value, dict | list):
                values.extend(value.values() if isinstance(value, dict) else value)
            elif isinstance(value, int | float) and not abs(value) <= LARGEST:
                raise ValueError(f"{value} is more than {LARGEST}, and no network has such sizes")
        return params

    @field_validator("class_names")
    @classmethod
    def _different(cls, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"{twice[0]!r} is there twice")
        return names


def check(card: Any, file: Path) -> None:
    """See that what ``file`` held is a card; ValueError with the file and every key if not."""
    try:
        Card.model_validate(card)
    except ValidationError as error:
        # Of a union each branch has its own error: one of them is enough.
        found = {str(item["loc"][0]) if item["loc"] else "it": item for item in error.errors()}
        lines = []
        for item in found.values():
            where = ".".join(str(part) for part in item["loc"] if not _branch(part)) or "it"
            lines.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
        raise ValueError(f"{file} is no card of a model: {'; '.join(lines)}") from None


def _branch(part: str | int) -> bool:
    """Whether pydantic means a branch of a union, and no key."""
    return isinstance(part, str) and ("[" in part or part in ("int", "list"))
