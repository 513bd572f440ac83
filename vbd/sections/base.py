"""What the sections have in common: unknown keys are errors, and how values may look."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

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
