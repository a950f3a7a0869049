"""Merging checkpoints, a library of its own: checkpoints in, checkpoint out, no trials."""
