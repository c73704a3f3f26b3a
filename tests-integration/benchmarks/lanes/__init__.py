"""Ways of images from one process to another; those of other projects run in environments of their own."""
