"""What the operator costs: a table of times, calls and memory. A benchmark, not a test: it judges no figure."""
