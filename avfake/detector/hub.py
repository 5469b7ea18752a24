"""Detectors on the Hugging Face Hub: fetched by name, and uploaded with their card.

What the Hub refuses is said in one sentence. Tokens are never part of it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avfake.errors import BundleError, ConfigError

FILES = ("*.yaml", "*.json", "*.safetensors", "*.txt", "*.md", "LICENSE", "*/LICENSE")
"""What a detector folder holds; nothing else is fetched or uploaded."""
NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
LOGIN = "log in (hf auth login), or set HF_TOKEN"


def fetch(name: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """Return the folder of this machine's cache that holds a detector of the Hub.

    Args:
        name: owner/name
        revision: branch, tag or commit; None = the newest
        token: None = that of HF_TOKEN, or of the login on this machine

    BundleError if there is no such name, no right to read it, or no network and no copy.
    """
    if not NAME.fullmatch(name):
        raise BundleError(f"{name} is neither a detector folder nor a Hub name like owner/name")
    from huggingface_hub import snapshot_download  # late: most runs never ask the Hub

    with _in_plain_words(name, "did not give", token):
        found = snapshot_download(name, revision=revision, allow_patterns=[*FILES], token=token)
    return Path(found)


def upload(
    folder: Path,
    name: str,
    *,
    private: bool = True,
    revision: str | None = None,
    message: str | None = None,
    token: str | None = None,
) -> str:
    """Upload the files of a detector folder as one commit; return its address.

    A repository that is not there is made. One that is there keeps its visibility; files of an
    earlier detector that this one has not are removed.

    Args:
        private: whether a new repository is for its owner alone
        revision: branch, which must be there; None = main

    ConfigError for a name that cannot be, a card that the Hub would refuse, no rights, no network.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"a name on the Hub is owner/name, got {name!r}")
    from huggingface_hub import HfApi

    card = _check_card(folder)
    api = HfApi(token=token, library_name="avfake")
    with _in_plain_words(name, "did not take", token, kind=ConfigError):
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            revision=revision,
            commit_message=message or f"Upload {card}",
            allow_patterns=[*FILES],
            delete_patterns=["*.safetensors", "stacker_*.txt", "members/*"],
        )
    return str(getattr(commit, "commit_url", commit))


def _check_card(folder: Path) -> str:
    """Return the title of the card; ConfigError if there is none that the Hub would show."""
    from huggingface_hub import ModelCard

    path = folder / "README.md"
    if not path.is_file():
        raise ConfigError(
            f"{folder} has no card; write it first: avfake card {folder} --licence ... --scores ..."
        )
    try:
        card = ModelCard.load(path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} is no card that the Hub shows: {_line(error)}") from error
    if not card.data.license or card.data.license == "unknown":
        raise ConfigError(
            f"{path} states no licence of the weights; write it again: avfake card {folder} "
            "--licence cc-by-4.0, or another, or words"
        )
    return str(card.data.model_name or "avfake detector")


@contextmanager
def _in_plain_words(
    name: str, refused: str, token: str | None, *, kind: type[Exception] = BundleError
) -> Iterator[None]:
    """Turn what the Hub answers into one sentence without the token."""
    from huggingface_hub import constants, errors

    unreached: tuple[type[Exception], ...] = (OSError, getattr(errors, "HTTPError", OSError))
    try:
        yield
    except errors.HFValidationError as error:
        raise kind(f"{name} is no name of the Hub: {_line(error, token)}") from None
    except errors.LocalTokenNotFoundError:
        raise kind(f"the Hub wants to know who asks for {name}: {LOGIN}") from None
    except errors.RevisionNotFoundError:
        raise kind(f"the Hub has {name}, but not this revision of it") from None
    except errors.GatedRepoError:
        raise kind(
            f"{name} is there for those alone who accepted its terms: accept them on "
            f"{constants.ENDPOINT}/{name}, then {LOGIN}"
        ) from None
    except errors.RepositoryNotFoundError:
        raise kind(
            f"{name} is no folder here, and the Hub has no {name}, or not for you; if it is "
            f"private: {LOGIN}"
        ) from None
    except errors.OfflineModeIsEnabled:
        raise kind(f"HF_HUB_OFFLINE is set, so the Hub was not asked for {name}") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise kind(
                f"the Hub {refused} {name}: your token does not allow it (it must be one that may "
                f"{'write' if refused == 'did not take' else 'read'}); {LOGIN}"
            ) from None
        raise kind(f"the Hub {refused} {name} ({status}): {_line(error, token)}") from None
    except unreached as error:
        if constants.HF_HUB_OFFLINE:
            why = "HF_HUB_OFFLINE is set"
        else:
            why = f"the Hub ({constants.ENDPOINT}) cannot be reached: {_line(error, token)}"
        raise kind(f"{name} is no folder here and not in this machine's cache, and {why}") from None


def _line(error: Exception, token: str | None = None) -> str:
    """Return the first line of a message, without the token."""
    from huggingface_hub import get_token

    line = next((one.strip() for one in str(error).splitlines() if one.strip()), repr(error))
    for secret in filter(None, (token, get_token())):
        line = line.replace(secret, "***")
    return re.sub(r"hf_\w{8,}", "***", line)
