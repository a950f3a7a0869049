"""From a trial to its measurements: thin adapters to training and merging."""
