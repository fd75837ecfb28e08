"""What GitLab reads: the three secrets of its chart, the chart's Helm values, and the YAML that both are written in."""
