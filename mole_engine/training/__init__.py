"""Losses, metrics, schedules, callbacks and the trainer."""
