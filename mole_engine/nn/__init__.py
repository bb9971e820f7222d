"""Tensors in, tensors out: the parts of the network."""
