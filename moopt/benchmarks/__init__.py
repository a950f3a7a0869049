"""Comparisons under equal budgets."""
