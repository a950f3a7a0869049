"""Which trials are optimal together, and how good they are. NumPy only; larger is better."""
