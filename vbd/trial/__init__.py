"""What params.yaml names is tried before the first job: classes made, files looked at."""

from vbd.config import Config
from vbd.mistakes import Mistake


def mistakes(config: Config) -> list[Mistake]:
    """All that would only show in a job, each with its key; the same one is told once."""
    # Here, as this needs torch, and who asks for an earlier verdict does not.
    from vbd.trial import meetings
    from vbd.trial.cells import Cells

    return list(dict.fromkeys(meetings.mistakes(Cells(config))))
