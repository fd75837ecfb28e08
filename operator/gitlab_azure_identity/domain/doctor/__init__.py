"""What `kubectl gai doctor` looks at beside the chain of conditions, and how it weighs what it saw. Pure."""
