"""Runs and model bundles on disk."""
