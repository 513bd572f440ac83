"""What made a result: versions, device, and hashes of the code, the data and the weights."""

import hashlib
from functools import cache
from pathlib import Path

import torch
from torch import nn

import vbd
from vbd.data.labelled import Labelled


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


def fingerprint(model: nn.Module, examples: Labelled) -> str:
    """SHA-256 of a model's weights and of which examples it sees, with which labels."""
    digest = hashlib.sha256()
    tensors = [*model.state_dict().values(), examples.rows, examples.labels, examples.poisoned]
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def provenance(device: torch.device) -> dict[str, str]:
    """The fields ``vbd``, ``torch``, ``device`` and ``code_sha256`` of a result."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "vbd": vbd.__version__,
        "torch": torch.__version__,
        "device": name,
        "code_sha256": code_sha256(),
    }
