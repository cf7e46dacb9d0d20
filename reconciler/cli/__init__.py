"""The verbs of ``gitops-nb`` that need no notebook."""
