"""Azure Resource Manager (ARM)."""
