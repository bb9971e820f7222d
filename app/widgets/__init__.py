"""Reusable widgets, ignorant of services."""
