"""Subjects with something planted in them, so that what is true of them is known."""
