"""Victims: clean and attacked models, how they are made, tested and taken up again."""
