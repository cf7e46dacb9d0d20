"""Who made a commit, when and why."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.errors import RepositoryError
from reconciler.source.git.command import NO_GIT
from reconciler.source.git.mirror import Mirror


@dataclass(frozen=True, slots=True)
class RevisionMetadata:
    """Who made a commit, when (UTC) and why."""

    author: str
    date: datetime
    message: str


def read_metadata(mirror: Mirror, commit_id: str) -> RevisionMetadata:
    """Author, date and message of a commit that is there.

    Raises
    ------
    RepositoryError
        When the mirror cannot be read, or Git is not installed.
    """
    try:
        import git  # long to load, looks for the program at once, and no sync needs it
    except ImportError as error:
        raise RepositoryError(NO_GIT) from error
    try:
        repository = git.Repo(mirror.path, expand_vars=False)
    except git.GitError as error:
        raise RepositoryError(f"the mirror of {mirror} is damaged; fetch again") from error
    with closing(repository):
        repository.git.update_environment(**mirror.reading_environment())
        commit = git.Commit(repository, bytes.fromhex(commit_id))
        author = f"{commit.author.name} <{commit.author.email}>" if commit.author.email else str(commit.author.name)
        message = commit.message if isinstance(commit.message, str) else commit.message.decode("utf-8", "replace")
        return RevisionMetadata(author, datetime.fromtimestamp(commit.authored_date, UTC), message.strip())
