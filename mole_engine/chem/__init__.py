"""Chemistry with RDKit, without torch."""
