"""The tables, each a function of result files; ``vbd/report/contents.py`` says of which."""
