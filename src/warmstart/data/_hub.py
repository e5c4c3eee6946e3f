"""Downloads from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from warmstart.basics import InputError, require

from ._named import NamedDataset
from ._raw import first_sentence


def download(named: NamedDataset, *, with_test: bool) -> Path:
    """Return the folder with a data set's parquet files, downloaded into the hub's cache unless they are there.

    Raises:
        InputError: If the download fails, for whatever reason.
    """
    hub = require("huggingface_hub", extra="data", purpose=f"Downloading {named.name}")
    # Only what is needed: SVHN's repository also has "extra", with five times as many images as both.
    splits = ("train", "test") if with_test else ("train",)
    patterns = [f"{named.hub_folder}/{split}-*.parquet" for split in splits]
    try:
        folder = hub.snapshot_download(named.hub_id, repo_type="dataset", allow_patterns=patterns)
    except Exception as error:  # network, proxy, hub and disk each raise types of their own
        raise _failed(named, first_sentence(error)) from error
    found = Path(folder) / named.hub_folder
    missing = [split for split in splits if not list(found.glob(f"{split}-*.parquet"))]
    if missing:  # the hub downloads nothing, without an error, if no file matches a pattern
        raise _failed(named, f"no {missing[0]} files arrived")
    return found


def _failed(named: NamedDataset, reason: str) -> InputError:
    return InputError(
        f"{named.name} could not be downloaded from the Hugging Face hub ({named.hub_id}): {reason}; "
        "if you have its files, name their folder with --data-dir."
    )
