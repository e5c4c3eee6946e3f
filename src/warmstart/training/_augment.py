"""Random changes of training images, for a batch at once, on its device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import torch

from warmstart.basics import InputError, choice, shown

from ._memory_format import has_channels_last

DRAWS = 5
"""Numbers that are drawn for every image, whichever changes are wanted."""


class Augmentation(StrEnum):
    """A random change of training images.

    ``FLIP``: left and right are exchanged with probability 1/2. ``CROP``: moved by up to an eighth of the side in each
    direction, drawn uniformly; what moves in at an edge is the image reflected there (He et al., 2016, fill with
    zeros). ``CUTOUT``: a square of half the shorter side, its centre drawn uniformly over the image and cut off at the
    edges, has the image's own mean of each channel (DeVries and Taylor, 2017, have the data set's).
    """

    FLIP = "flip"
    CROP = "crop"
    CUTOUT = "cutout"


def augmentations(values: Iterable[str]) -> tuple[Augmentation, ...]:
    """Return changes by their names, each given once.

    Raises:
        InputError: If there is no such change, or one is given twice.

    Example:
        >>> augmentations(["flip", "crop"])
        (<Augmentation.FLIP: 'flip'>, <Augmentation.CROP: 'crop'>)
    """
    if not isinstance(values, list | tuple):
        raise InputError(f"augmentation must be a list of flip, crop and cutout, got {shown(values)}.")
    found = tuple(choice(Augmentation, value, name="augmentation") for value in values)
    if len(set(found)) < len(found):
        raise InputError(f"augmentation must name each change once, got {','.join(found)}.")
    return found


def augmented(images: torch.Tensor, kinds: Sequence[Augmentation], draws: torch.Tensor) -> torch.Tensor:
    """Return images, each changed at random: first flipped, then moved, then cut out, in whatever order they are named.

    Args:
        images: Of shape (n, channels, height, width), scaled; their memory format is kept.
        kinds: The changes.
        draws: Uniform in [0, 1), of shape (n, 5), on the images' device: for the flip, the move down and right, and
            the square's centre.

    Raises:
        InputError: If there are no images.

    Example:
        >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
        >>> augmented(image, [Augmentation.FLIP], torch.zeros(1, DRAWS))[0, 0].tolist()
        [[1.0, 0.0], [3.0, 2.0]]
    """
    if images.ndim != 4:
        raise InputError(
            f"augmentation must be empty for samples of shape {tuple(images.shape[1:])}, got {','.join(kinds)}: it "
            "changes images (channels, height, width)."
        )
    count, channels, height, width = images.shape
    rows, columns = (torch.arange(side, device=images.device).expand(count, -1) for side in (height, width))
    result = images
    if Augmentation.FLIP in kinds or Augmentation.CROP in kinds:
        from_rows, from_columns = rows, columns
        if Augmentation.CROP in kinds:
            from_rows = _moved(rows, draws[:, 1], height)
            from_columns = _moved(columns, draws[:, 2], width)
        if Augmentation.FLIP in kinds:
            from_columns = torch.where(draws[:, :1] < 0.5, width - 1 - from_columns, from_columns)
        # One gather for both, pixel by pixel in the order of memory.
        index = (from_rows[:, :, None] * width + from_columns[:, None, :]).flatten(1)
        if has_channels_last(images):
            pixels = images.permute(0, 2, 3, 1).flatten(1, 2)
            found = pixels.gather(1, index[:, :, None].expand(-1, -1, channels))
            result = found.unflatten(1, (height, width)).permute(0, 3, 1, 2)
        else:
            found = images.flatten(2).gather(2, index[:, None].expand(-1, channels, -1))
            result = found.unflatten(2, (height, width))
    if Augmentation.CUTOUT in kinds:
        side = max(min(height, width) // 2, 1)
        top, left = ((draws[:, 3 + k, None] * size).floor() - side // 2 for k, size in enumerate((height, width)))
        is_row = (rows >= top) & (rows < top + side)
        is_column = (columns >= left) & (columns < left + side)
        mean = images.mean((2, 3), keepdim=True)
        result = torch.where((is_row[:, :, None] & is_column[:, None, :])[:, None], mean, result)
    return result


def _moved(places: torch.Tensor, draws: torch.Tensor, side: int) -> torch.Tensor:
    """Return where pixels come from that are moved by up to an eighth of the side, reflected at the edges."""
    most = min(max(side // 8, 1), side - 1)
    moved = places + (draws[:, None] * (2 * most + 1)).floor().long() - most
    return (side - 1 - (side - 1 - moved.abs()).abs()).clamp(min=0)
