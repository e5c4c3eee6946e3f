"""Labelled arrays in memory, and the sources they are loaded from."""

from ._arrays import Dataset as Dataset
from ._arrays import LabelledArrays as LabelledArrays
from ._arrays import SampleOrder as SampleOrder
from ._arrays import Targets as Targets
from ._encoding import ColumnEncoding as ColumnEncoding
from ._encoding import ColumnKind as ColumnKind
from ._encoding import FittedEncoding as FittedEncoding
from ._encoding import TableEncoding as TableEncoding
from ._folder import read_images as read_images
from ._kind import arrives_in_order as arrives_in_order
from ._kind import is_table as is_table
from ._load import DIRECTORY_VARIABLE as DIRECTORY_VARIABLE
from ._load import is_at_hand as is_at_hand
from ._load import load as load
from ._load import training_samples as training_samples
from ._named import NamedDataset as NamedDataset
from ._named import known_datasets as known_datasets
from ._own import IN_MEMORY as IN_MEMORY
from ._own import OwnDataset as OwnDataset
from ._own import as_dataset as as_dataset
from ._own import split_parts as split_parts
from ._own_object import is_own as is_own
from ._own_object import own_target as own_target
from ._own_object import takes_options as takes_options
from ._roles import read_table as read_table
from ._source import DataSource as DataSource
