"""The sections of ``params.yaml``: what each key means, its default and what may stand there."""
