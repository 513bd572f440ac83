"""Tables and figures, made from the results of the cells alone."""
