"""One video file: its container, the film in it, and when which frame is shown."""
