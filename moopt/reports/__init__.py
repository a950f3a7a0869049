"""What was found, for reading: tables, JSON, figures and one HTML page."""
