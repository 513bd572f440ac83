"""The figures, each a function that draws; ``vbd/report/contents.py`` says of which results."""
