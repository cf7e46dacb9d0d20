"""jq expressions of ignore rules, evaluated in worker processes."""
