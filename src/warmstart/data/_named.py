"""The data sets known by name: our own, and those that other installed packages offer."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint

from warmstart.basics import InputError, offered_objects

from ._arrays import Dataset, Targets
from ._source import ImageSize

GROUP = "warmstart.data"


@dataclass(frozen=True)
class NamedDataset:
    """A data set known by name.

    Args:
        name: Its name on the command line.
        title: One line of description.
        input_shape: (channels, height, width) or (features,); empty: not known before it is loaded.
        classes: Number of classes; 0 where labels are values, or not known before it is loaded.
        hub_id: Its repository on the Hugging Face hub; None if not hosted there.
        hub_folder: Folder of its parquet files in that repository.
        embedded: Whether it comes with an installed package.
        other_names: Other names that a folder with its files may have.
        offered_by: Package that offers it, whose next version may offer other samples; empty for our own.
    """

    name: str
    title: str
    input_shape: tuple[int, ...]
    classes: int
    hub_id: str | None = None
    hub_folder: str = ""
    embedded: bool = False
    other_names: tuple[str, ...] = ()
    offered_by: str = ""

    @property
    def targets(self) -> Targets:
        """What the labels of one of our own are."""
        return Targets.CLASSES if self.classes else Targets.VALUES

    @property
    def folder_names(self) -> tuple[str, ...]:
        """Likely names of a folder with its files."""
        hub = (self.hub_id.split("/")[-1], self.hub_id) if self.hub_id else ()
        return tuple(dict.fromkeys((self.name, *self.other_names, *hub)))

    def check(self, dataset: Dataset, place: str, size: ImageSize | None = None) -> None:
        """Raise unless what was read from ``place`` can be this data set, with images brought to ``size``.

        Raises:
            InputError: If the shape of the images or the number of classes differs.
        """
        found = (dataset.input_shape, len(dataset.classes))
        shape = self.input_shape if size is None else (*self.input_shape[:1], *size[:2])
        if found != (shape, self.classes):
            raise InputError(
                f"The files of {self.name} must contain images of shape {shape} in {self.classes} classes, "
                f"but those in {place} contain {found[0]} in {found[1]}."
            )


def known_datasets() -> tuple[NamedDataset, ...]:
    """Return the data sets known by name: our own first, then those of other packages, none of which is imported.

    Another package offers a data set by an entry point of the group ``warmstart.data``, which leads to whatever
    ``module:Object`` may lead to, see :class:`DataSource`.

    Example:
        >>> [dataset.name for dataset in known_datasets()][:4]
        ['digits', 'diabetes', 'cifar10', 'cifar100']
    """
    offered = []
    for name, entry in offered_datasets().items():
        package = entry.dist.name if entry.dist is not None else ""
        offered.append(NamedDataset(name, f"{entry.value} of {package}", (), 0, offered_by=package))
    return (*OUR_DATASETS, *offered)


def offered_datasets() -> dict[str, EntryPoint]:
    """Return the entry points of other packages by name; those that have the name of one of ours are left out."""
    taken = {named.name for named in OUR_DATASETS}
    return {name: entry for name, entry in offered_objects(GROUP).items() if name not in taken}


_COLOUR, _GREY = (3, 32, 32), (1, 28, 28)
OUR_DATASETS = (
    NamedDataset(
        "digits", "Handwritten digits: 1,797 greyscale images of 8x8 in 10 classes", (1, 8, 8), 10, embedded=True
    ),
    NamedDataset(
        "diabetes",
        "Diabetes, its progress in one year: 442 patients with 10 measurements, for regression",
        (10,),
        0,
        embedded=True,
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
