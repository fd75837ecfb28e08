"""Entra ID: exchanges a cluster's service-account tokens for access tokens."""
