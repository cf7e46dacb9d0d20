"""Charts and plain manifests that come from Helm repositories and OCI registries."""
