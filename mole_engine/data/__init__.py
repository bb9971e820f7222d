"""From files to batches: reading, curation, splits, features, data modules."""
