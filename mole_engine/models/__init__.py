"""The trained subjects: Model, Encoder, MolE."""
