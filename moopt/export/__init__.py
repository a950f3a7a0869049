"""What a picked trial leaves behind for others: a folder that explains itself."""
