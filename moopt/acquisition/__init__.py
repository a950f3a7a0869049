"""What a candidate is worth: models in, acquisition functions and their best points out."""
