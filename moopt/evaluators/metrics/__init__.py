"""Functions that measure a model, one a module."""
