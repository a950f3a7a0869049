"""The border: names, units and directions stop here. Tensors in the unit cube below it."""
