"""Files that the program carries: presets, vocabularies, models, samples, icons, styles."""
