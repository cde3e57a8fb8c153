"""Training: what decoders of activations learn from, as lists that follow from a seed."""
