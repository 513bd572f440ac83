"""Write the page that `dvc plots` fills, with all that it needs in it: it opens offline."""

import argparse
from pathlib import Path

from vbd.files import replacing

# DVC fills in the plots. It loads scripts from the network where a page asks for them.
_PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<title>DVC plots</title>
{refresh_tag}
%s
<style>table { border-spacing: 15px; }</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """Put ``--scripts`` into a page, in their order; write it to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    scripts = "JavaScript of Vega, Vega-Lite and Vega-Embed"
    parser.add_argument("--scripts", type=Path, nargs="+", required=True, help=scripts)
    parser.add_argument("--out", type=Path, required=True, help="HTML to write")
    args = parser.parse_args()
    # In a text of the code "</script" would end it.
    codes = [
        path.read_text(encoding="utf-8").replace("</script", r"<\/script") for path in args.scripts
    ]
    elements = "\n".join(f"<script>\n{code}\n</script>" for code in codes)
    with replacing(args.out) as temporary:
        temporary.write_text(_PAGE % elements, encoding="utf-8")
