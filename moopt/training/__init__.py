"""Fine-tuning with transformers, a library of its own: it knows nothing of trials."""
