"""Azure and a cluster on one machine, so that the operator can be run and tested unmodified."""
