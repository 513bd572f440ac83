"""Try the configuration that comes as JSON, and say what is wrong with it as JSON."""

import json
import sys
from contextlib import redirect_stdout

from vbd.config import Config
from vbd.trial import mistakes

if __name__ == "__main__":
    # What a user's own class prints is not ours.
    with redirect_stdout(sys.stderr):
        found = mistakes(Config.model_validate_json(sys.stdin.buffer.read()))
    print(json.dumps(found))
