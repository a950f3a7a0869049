"""moopt's search inside other tools, for those who stay with them."""
