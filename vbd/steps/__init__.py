"""The steps of an experiment, one file each: the script of the same name, and ``vbd <name>``."""
