"""The data sets known by name."""

from __future__ import annotations

from dataclasses import dataclass

from warmstart.basics import InputError

from ._arrays import Dataset


@dataclass(frozen=True)
class NamedDataset:
    """A data set known by name.

    Args:
        name: Its name on the command line.
        title: One line of description.
        input_shape: (channels, height, width).
        classes: Number of classes.
        hub_id: Its repository on the Hugging Face hub; None if not hosted there.
        hub_folder: Folder of its parquet files in that repository.
        embedded: Whether it comes with an installed package.
        other_names: Other names that a folder with its files may have.
    """

    name: str
    title: str
    input_shape: tuple[int, ...]
    classes: int
    hub_id: str | None = None
    hub_folder: str = ""
    embedded: bool = False
    other_names: tuple[str, ...] = ()

    @property
    def folder_names(self) -> tuple[str, ...]:
        """Likely names of a folder with its files."""
        hub = (self.hub_id.split("/")[-1], self.hub_id) if self.hub_id else ()
        return tuple(dict.fromkeys((self.name, *self.other_names, *hub)))

    def check(self, dataset: Dataset, place: str) -> None:
        """Raise unless what was read from ``place`` can be this data set.

        Raises:
            InputError: If the shape of the images or the number of classes differs.
        """
        found = (dataset.input_shape, len(dataset.classes))
        if found != (self.input_shape, self.classes):
            raise InputError(
                f"The files of {self.name} must contain images of shape {self.input_shape} in {self.classes} classes, "
                f"but those in {place} contain {found[0]} in {found[1]}."
            )


def known_datasets() -> tuple[NamedDataset, ...]:
    """Return the data sets known by name.

    Example:
        >>> [dataset.name for dataset in known_datasets()]
        ['digits', 'cifar10', 'cifar100', 'svhn', 'mnist', 'mnist-m', 'fashion-mnist']
    """
    return _KNOWN


_COLOUR, _GREY = (3, 32, 32), (1, 28, 28)
_KNOWN = (
    NamedDataset(
        "digits", "Handwritten digits: 1,797 greyscale images of 8x8 in 10 classes", (1, 8, 8), 10, embedded=True
    ),
    NamedDataset(
        "cifar10",
        "CIFAR-10, photographs: 50,000 + 10,000 colour images of 32x32 in 10 classes",
        _COLOUR,
        10,
        hub_id="uoft-cs/cifar10",
        hub_folder="plain_text",
    ),
    NamedDataset(
        "cifar100",
        "CIFAR-100, photographs: 50,000 + 10,000 colour images of 32x32 in 100 classes",
        _COLOUR,
        100,
        hub_id="uoft-cs/cifar100",
        hub_folder="cifar100",
    ),
    NamedDataset(
        "svhn",
        "SVHN, house numbers: 73,257 + 26,032 colour images of 32x32 in 10 classes",
        _COLOUR,
        10,
        hub_id="ufldl-stanford/svhn",
        hub_folder="cropped_digits",
    ),
    NamedDataset(
        "mnist",
        "MNIST, handwritten digits: 60,000 + 10,000 greyscale images of 28x28 in 10 classes",
        _GREY,
        10,
        hub_id="ylecun/mnist",
        hub_folder="mnist",
    ),
    NamedDataset(
        "mnist-m",
        "MNIST-M, handwritten digits on photographs: colour images of 32x32 in 10 classes",
        _COLOUR,
        10,
        other_names=("mnist_m",),
    ),
    NamedDataset(
        "fashion-mnist",
        "Fashion-MNIST, clothes: 60,000 + 10,000 greyscale images of 28x28 in 10 classes",
        _GREY,
        10,
        hub_id="zalando-datasets/fashion_mnist",
        hub_folder="fashion_mnist",
    ),
)
