"""The record of studies and trials: one database, many processes."""
