"""Audiovisual models: what victims make of their clips, and how two of them become one."""
