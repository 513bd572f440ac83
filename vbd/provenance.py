"""What made a result: versions, device, and hashes of the code, the data and the weights."""

import hashlib
import os
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import vbd
from vbd.data.labelled import Trainable
from vbd.triggers.base import Trigger


# Asked for twice in a step, for the state to resume from and for the result.
@cache
def code_sha256() -> str:
    """SHA-256 over every Python file of the library, in the order of their names."""
    digest = hashlib.sha256()
    root = Path(vbd.__file__).parent
    for file in sorted(root.rglob("*.py")):
        # With its name, as what is imported depends on it.
        digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()


def fingerprint(model: nn.Module, examples: Trainable) -> str:
    """SHA-256 of a model's weights and of all that decides what it sees: clips, labels, trigger."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(_bytes(tensor))
    digest.update(_bytes(examples))
    return digest.hexdigest()


def _bytes(value: Any) -> bytes:
    """What tells a value from others of its kind, the same in every process."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous().numpy().tobytes()
    if isinstance(value, np.memmap):
        # To read a store through would take longer than the training: a new one has a new time.
        where = str(value.filename)
        return repr((where, os.stat(where).st_mtime_ns, value.shape)).encode()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    # A trigger is its class and its parameters, which may be a trigger again.
    if isinstance(value, Trigger):
        parts = [name.encode() + _bytes(part) for name, part in sorted(vars(value).items())]
        return type(value).__qualname__.encode() + b"".join(parts)
    if is_dataclass(value):
        return b"".join(p.name.encode() + _bytes(getattr(value, p.name)) for p in fields(value))
    if isinstance(value, (list, tuple)):
        return b"".join(map(_bytes, value))
    return repr(value).encode()


def provenance(device: torch.device) -> dict[str, str]:
    """The fields ``vbd``, ``torch``, ``device`` and ``code_sha256`` of a result."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "vbd": vbd.__version__,
        "torch": torch.__version__,
        "device": name,
        "code_sha256": code_sha256(),
    }
