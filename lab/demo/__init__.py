"""The operator's whole story, told step by step at a terminal and held to what it says."""
