"""Config management plugins."""
