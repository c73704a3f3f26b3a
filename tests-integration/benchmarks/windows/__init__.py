"""Real napari windows and what feeds them, each a process of its own; none knows more than one project."""
