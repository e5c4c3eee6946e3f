"""Labelled arrays in memory, and the sources they are loaded from."""

from ._arrays import Dataset as Dataset
from ._arrays import LabelledArrays as LabelledArrays
from ._load import DIRECTORY_VARIABLE as DIRECTORY_VARIABLE
from ._load import is_at_hand as is_at_hand
from ._load import load as load
from ._load import training_samples as training_samples
from ._named import NamedDataset as NamedDataset
from ._named import known_datasets as known_datasets
from ._source import DataSource as DataSource
