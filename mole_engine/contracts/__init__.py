"""What travels between the rooms: plain types that need neither torch, rdkit, pandas nor Qt."""
