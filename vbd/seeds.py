"""Random generators, one for each purpose, derived from the seed of a cell."""

import hashlib

import torch


def number(*parts: object) -> int:
    """A 63-bit number that only ``parts`` decide: neither process nor order does."""
    # Not hash(), which is salted in each process; not seed + 1, which another seed may be.
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*parts: object) -> torch.Generator:
    """A CPU generator for ``parts``, such as (seed, "poison"); the same on every machine."""
    return torch.Generator().manual_seed(number(*parts))
