"""The race: every search on every problem, under equal budgets, and what came of it."""
