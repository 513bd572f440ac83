"""Backdoor attacks, backdoor defences and model extraction on video classifiers."""

__version__ = "0.1.0"
