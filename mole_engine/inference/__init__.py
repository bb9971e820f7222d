"""From a trained model to predictions that can be trusted."""
