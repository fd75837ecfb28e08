"""Worlds for test_broken_worlds.py: in each one thing is broken, as people break it."""
