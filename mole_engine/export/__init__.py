"""Other formats for models and jobs."""
