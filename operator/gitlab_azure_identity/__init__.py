"""GitLab on AKS without storage keys: an operator for the GitLabAzureIdentity resource."""
