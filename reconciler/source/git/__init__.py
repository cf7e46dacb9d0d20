"""Git repositories: addresses, mirrors, revisions."""
