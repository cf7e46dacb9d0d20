"""Config management plugins: programs of the operator's that make manifests.

Source: docs/operator-manual/config-management-plugins.md of Argo CD 3.6.
"""
