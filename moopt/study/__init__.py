"""The vocabulary: what is searched, what is wanted, what was measured. Standard library only."""
