"""Families of functions of clips, one of which may be a trigger, by name."""

from vbd.defenses.families.addition import Noise, Wave
from vbd.defenses.families.base import Family
from vbd.defenses.families.blur import Filter
from vbd.defenses.families.patch import Roaming
from vbd.defenses.families.time import Playback
from vbd.defenses.families.warp import Jitter, Warp

# Of each, the effort (size in proportion to success) up to which it may be a trigger. On the clean
# models of seeds 0 to 5 of the default run no class had less, in any of them.
FAMILIES: dict[str, Family] = {
    "filter": Filter(bound=0.65),
    "playback": Playback(bound=0.65),
    "warp": Warp(bound=1.4),
    "jitter": Jitter(bound=1.35),
    "wave": Wave(bound=0.2),
    "noise": Noise(bound=0.6),
    "roaming_patch": Roaming(bound=0.85),
}
