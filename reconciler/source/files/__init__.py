"""The files of a commit or an archive: paths, links, globs, and private copies of them."""
