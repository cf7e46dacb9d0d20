"""Other people's programs that tests and benchmarks compare with: helm, kustomize, an OCI registry."""
