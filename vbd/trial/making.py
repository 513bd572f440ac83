"""Making an object of a class that a user has named, and saying at which key it fails."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

from vbd import plugins, settings
from vbd.mistakes import Mistake

Made = TypeVar("Made")
# What a user's own class raises may be anything, also an exit.
ANY = (Exception, SystemExit)


class Making(Generic[Made]):
    """The attempt to make what ``params`` below ``key`` describe; ``found`` is what went wrong.

    ``kind``: the package of ours, the key that names the class, and its name there, which may be a
    user's own. ``elsewhere``: arguments that other keys state, with these; the ``first`` positional
    ones are nobody's, and ``known`` are settings that are not the class's own.
    """

    def __init__(
        self,
        key: str,
        kind: tuple[str, str, str],
        params: Mapping[str, Any],
        *,
        elsewhere: Mapping[str, str] | None = None,
        first: int = 0,
        known: Collection[str] = (),
    ) -> None:
        package, kind_key, name = kind
        self.key, self.params, self.found = key, params, list[Mistake]()
        self.elsewhere = dict(elsewhere or {})
        self.takes: Any = None
        self.names: Collection[str] = ()
        try:
            self.takes = plugins.load(package, name)
            if not callable(self.takes):
                raise ValueError(f"{name!r} is no class")
        except ANY as error:
            self.found.append(Mistake(f"{key}.{kind_key}", said(error)))
            return
        own = {name: value for name, value in params.items() if name not in known}
        self.names, _ = settings.settings_of(self.takes, given=self.elsewhere, first=first)
        wrong = settings.mistakes(self.takes, own, given=self.elsewhere, first=first)
        self.found += [one.under(f"{key}.params") for one in wrong]

    def __bool__(self) -> bool:
        return not self.found

    def make(self, by: Callable[[], Made]) -> Made | None:
        """What ``by`` makes; None where it fails, which is then among what was ``found``."""
        try:
            return by()
        except ANY as error:
            self.found.append(self.blamed(said(error)))
            return None

    def blamed(self, text: str) -> Mistake:
        """The mistake that a message tells of, at the setting that it begins with."""
        # As all constructors here say it: "alpha 2: ...", "alpha: ..." or "frames='some': ...".
        name, rest = re.match(r"(\w*)(?:[.:=]?\s*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        if name in self.elsewhere:
            return Mistake(self.elsewhere[name], rest)
        if name in self.names or name in self.params:
            return Mistake(f"{self.key}.params.{name}", rest)
        return Mistake(f"{self.key}.params", text)


def said(error: BaseException) -> str:
    """An error in one line; of one that was not written for users, with its type."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError | FileNotFoundError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
