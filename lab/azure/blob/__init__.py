"""Blob Storage: a front that knows who may do what, and Azurite behind it."""
