"""Search the trigger of the optimised attack: the smallest that turns clean clips to the target."""

import argparse
from pathlib import Path

from vbd import results
from vbd.data.examples import examples
from vbd.data.store import ClipStore
from vbd.defenses.reconstruction import reconstruct
from vbd.device import choose
from vbd.models import checkpoints


def main() -> None:
    """Search the trigger that turns the clips to ``--target`` on ``--model``; write ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="clean model (.safetensors)")
    parser.add_argument("--clips", type=Path, required=True, help="clips.npy of the clip store")
    parser.add_argument("--target", type=int, required=True, help="the attacker's class")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the noise that the search starts at"
    )
    parser.add_argument("--out", type=Path, required=True, help=".npz to write")
    args = parser.parse_args()
    model, card = checkpoints.load(args.model)
    # Training clips, cut as the model takes them: on test clips the attack would be measured on
    # those that made its trigger.
    train = examples(ClipStore.open(args.clips.parent), "train", crop=card["clip"]["crop"])
    (found,) = reconstruct(model.to(choose()), train, [args.target], seed=args.seed)
    results.write_arrays(args.out, mask=found.mask, pattern=found.pattern)
    print(f"a mask of {found.norm:.1f} pixels turns {found.success:.0%} of the clips")
