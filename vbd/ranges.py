"""The numbers that a setting may be: kinds of them, to annotate what a class takes."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
"""One or more."""
Size = Annotated[int, Field(ge=1, le=65536)]
"""Of a layer, in channels or units."""
Several = Annotated[int, Field(ge=2)]
"""Two or more."""
Whole = Annotated[int, Field(ge=0)]
"""Zero or more."""
# scikit-learn takes no larger ones.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of a random generator."""
Depth = Annotated[int, Field(ge=1, le=1000)]
"""How many layers or blocks."""
Above0 = Annotated[float, Field(gt=0)]
"""More than zero."""
From0 = Annotated[float, Field(ge=0)]
"""Zero or more."""
Ratio = Annotated[float, Field(ge=0, le=1)]
"""From 0, none, to 1, all."""
Some = Annotated[float, Field(gt=0, le=1)]
"""A share that is not nothing, up to 1, all."""
NotAll = Annotated[float, Field(ge=0, lt=1)]
"""A share that leaves something."""
Part = Annotated[float, Field(gt=0, lt=1)]
"""A share that is not nothing and leaves something."""
Grey = Annotated[float, Field(ge=0, le=255)]
"""A grey level."""
GreyStep = Annotated[float, Field(gt=0, le=255)]
"""By how many grey levels something is changed."""
Layers = Annotated[Sequence[Depth], Field(min_length=1)]
"""How many blocks each stage has."""
