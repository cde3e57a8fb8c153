"""From examples to a trained adapter: objectives, the loop, what a trained thing says of itself."""
