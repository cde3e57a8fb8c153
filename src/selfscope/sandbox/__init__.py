"""Programs that a model wrote are run here and nowhere else: in a box, by a harness that they cannot answer for."""
