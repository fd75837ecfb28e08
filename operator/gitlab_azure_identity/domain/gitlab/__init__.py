"""The texts that GitLab reads: the three secrets of its chart, and the chart's Helm values, both in YAML."""
