"""Who chooses the next candidates: the implementations of `protocols.Sampler`."""
