"""The demonstration: the operator's whole story at a terminal, step by step. Each claim is checked."""
