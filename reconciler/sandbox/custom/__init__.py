"""Custom resources: their definitions, and the structural schemas that prune, default and validate them."""
