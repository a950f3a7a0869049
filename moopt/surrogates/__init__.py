"""Models of the outcomes: training data in, BoTorch models out."""
