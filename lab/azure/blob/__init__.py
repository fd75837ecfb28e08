"""Blob Storage: authorizes each request, and has Azurite answer it."""
