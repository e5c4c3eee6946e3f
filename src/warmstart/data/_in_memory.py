"""From objects in memory, of whatever library, to arrays or to the columns of a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, reason_of, require

from ._columns import find_label, label_values
from ._fingerprint import fingerprint_of
from ._images import decode_images, pixels_of, resized
from ._labels import object_array
from ._raw import check_memory, shown
from ._source import DataSource

_PURPOSE = "Reading data frames"
_SCALARS = (str, bytes, bool, int, float, complex, np.generic, type(None))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Inputs and targets of equal length, as items (input, target).

    Args:
        inputs: Anything with a length and items: an array, a tensor, a frame, a list.
        targets: The same.
        class_names: Names of the classes, if targets are indices into them.
    """

    inputs: Any
    targets: Any
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Return the number of items."""
        return length(self.inputs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return one input with its target."""
        return row_of(self.inputs, index), row_of(self.targets, index)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a frame as items, each with its cells by column.

    Args:
        frame: The frame, which itself has its columns as items.
    """

    frame: Any

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one row."""
        return row_of(self.frame, index)


@dataclass(frozen=True, eq=False)
class Found:
    """What a built-in learner could take of an object.

    Args:
        inputs: An array (n, ...), or an arrow table of columns.
        labels: An array (n,) or (n, k), or the name of a column of the table; None: the column is to be found.
        class_names: Names declared by the object, if labels are indices into them.
        of_columns: Whether an array was one column of several, so that the label was found by its name.
    """

    inputs: Any
    labels: np.ndarray | str | None
    class_names: tuple[str, ...] | None = None
    of_columns: bool = False

    def has_float_labels(self, name: str) -> bool:
        """Return whether labels are floats, as values to predict usually are."""
        if isinstance(self.labels, np.ndarray):
            return self.labels.dtype.kind == "f"
        names = self.inputs.column_names
        return label_values(self.inputs.column(find_label(names, self.labels, file=name))).dtype.kind == "f"


def module_of(value: Any) -> str:
    """Return the library that an object's class is from.

    Example:
        >>> module_of(np.zeros(1)), module_of([])
        ('numpy', 'builtins')
    """
    return type(value).__module__.split(".")[0]


def is_tensor(value: Any) -> bool:
    """Return whether an object is a tensor of PyTorch, which need not have been imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_frame(value: Any) -> bool:
    """Return whether an object is a table with named columns: pandas', polars', arrow's, or another of the kind."""
    # A query that is not collected has columns, but warns when it is asked for them.
    if module_of(value) == "datasets" or type(value).__name__ == "LazyFrame":
        return False
    if module_of(value) == "pandas":
        return getattr(value, "ndim", 0) == 2
    return hasattr(value, "__arrow_c_stream__") and (hasattr(value, "columns") or hasattr(value, "column_names"))


def is_series(value: Any) -> bool:
    """Return whether an object is one column of a frame."""
    return not isinstance(value, np.ndarray) and (
        type(value).__name__ in ("Series", "Categorical", "ChunkedArray")
        or (module_of(value) == "pandas" and getattr(value, "ndim", 0) == 1)
        or (module_of(value) == "pyarrow" and hasattr(value, "to_pylist") and not is_frame(value))
    )


def is_sparse(value: Any) -> bool:
    """Return whether an object is a sparse matrix of SciPy."""
    return module_of(value) == "scipy" and hasattr(value, "toarray") and len(value.shape) == 2


def is_array_like(value: Any) -> bool:
    """Return whether an object is inputs or targets as a whole, unlike a data set of items."""
    if isinstance(value, np.ndarray) or is_tensor(value):
        return value.ndim > 0
    return is_frame(value) or is_series(value) or is_sparse(value)


def length(value: Any) -> int:
    """Return the number of rows."""
    return value.shape[0] if is_sparse(value) else len(value)


def row_of(value: Any, index: int) -> Any:
    """Return one row of inputs or of targets; of a frame its cells by column."""
    if is_frame(value):
        if module_of(value) == "pandas":
            return dict(zip(value.columns, value.iloc[index], strict=True))
        return value[index : index + 1].to_dicts()[0] if module_of(value) == "polars" else _arrow_row(value, index)
    return value.iloc[index] if module_of(value) == "pandas" and hasattr(value, "iloc") else value[index]


def _arrow_row(table: Any, index: int) -> dict[str, Any]:
    return table.slice(index, 1).to_pylist()[0]


def is_pair(value: tuple[Any, ...]) -> bool:
    """Return whether two objects are inputs and their targets, unlike a training and a test set.

    Example:
        >>> is_pair((np.zeros((2, 3)), [0, 1])), is_pair(([[1.5], [2.5]], [0, 1])), is_pair((["a"], ["b"]))
        (True, True, False)
    """
    if len(value) != 2:
        return False
    inputs, targets = value
    if is_frame(inputs) and is_frame(targets):
        # A frame of targets has none of the columns of its inputs.
        return not set(_column_names(inputs)) & set(_column_names(targets))
    if is_array_like(inputs) and is_array_like(targets):
        return True
    if isinstance(inputs, list) and inputs and is_array_like(targets):
        return not is_frame(targets)
    if not isinstance(targets, (list, range)) or not len(targets) or not isinstance(targets[0], _SCALARS):
        return is_array_like(inputs) and not is_frame(inputs) and isinstance(targets, list) and len(targets) > 0
    if is_array_like(inputs):
        return True
    # Two lists are inputs and targets where only the second has single values, or one has texts and one numbers.
    is_single = isinstance(inputs, list) and inputs and isinstance(inputs[0], _SCALARS)
    return isinstance(inputs, list) and bool(inputs) and (not is_single or type(inputs[0]) is not type(targets[0]))


def _column_names(frame: Any) -> list[str]:
    return [str(name) for name in (frame.column_names if hasattr(frame, "column_names") else frame.columns)]


def found_in(part: Any, name: str, source: DataSource) -> Found | None:
    """Return the arrays or columns in an object; None for items of which no array can be made, such as texts.

    Args:
        part: :class:`Pairs`, a frame, or a data set of items.
        name: Of the data, for messages.
        source: How to read them.

    Raises:
        InputError: If items are pairs of numbers but differ in shape, or a frame cannot be read.
    """
    if isinstance(part, Pairs):
        inputs = inputs_of(part.inputs, name, source)
        return None if inputs is None else Found(inputs, _labels_of(part.targets, name), part.class_names)
    if is_frame(part):
        return _of_columns(frame_columns(part, name), name, source)
    if isinstance(part, np.ndarray) and part.dtype.names:
        return _of_columns(inputs_of(part, name, source), name, source)
    if module_of(part) == "datasets":
        return _of_hugging_face(part, name, source)
    # Of a subclass, __getitem__ may do anything to the tensors.
    if f"{type(part).__module__}.{type(part).__name__}" == "torch.utils.data.dataset.TensorDataset":
        tensors: Any = getattr(part, "tensors", ())
        return found_in(Pairs(*tensors), name, source) if len(tensors) == 2 else None
    return _stacked(part, name, source)


def _of_columns(table: Any, name: str, source: DataSource, class_names: tuple[str, ...] | None = None) -> Found:
    """Return the columns of a table with one of labels; a single other one, of lists of equal length, is an array."""
    label = find_label(table.column_names, source.label, file=name)
    others = [column for column in table.column_names if column not in (label, *source.drop)]
    if len(others) == 1 and (values := nested_array(table.column(others[0]), f"{others[0]} of {name}")) is not None:
        return Found(values, label_values(table.column(label)), class_names, of_columns=True)
    return Found(table, label, class_names)


def inputs_of(value: Any, name: str, source: DataSource) -> Any:
    """Return inputs as an array, or as an arrow table where they are columns; None if they are neither.

    Raises:
        InputError: If rows differ in length, or a sparse matrix does not fit into memory.
    """
    if is_frame(value):
        return frame_columns(value, name)
    if is_series(value):
        return frame_columns({getattr(value, "name", None) or "1": value}, name)
    if is_sparse(value):
        # What they would take as 32-bit floats: every built-in model needs all the zeros.
        check_memory(4 * value.shape[0] * value.shape[1], source.max_bytes, f"the sparse matrix {name}")
        return np.asarray(value.astype(np.float32).toarray() if value.dtype.kind != "c" else value.toarray())
    values = as_array(value, name)
    if values.dtype.names:
        return frame_columns({column: values[column] for column in values.dtype.names}, name)
    if values.dtype.kind not in "OSUMm":
        return values[:, None] if values.ndim == 1 else values
    if values.ndim > 2 or (values.ndim == 1 and not isinstance(value, np.ndarray)):
        return None
    if values.ndim == 1 and any(not isinstance(one, _SCALARS) for one in values[:1]):
        return None
    columns = values[:, None] if values.ndim == 1 else values
    columns = np.char.decode(columns, "utf-8", "replace") if columns.dtype.kind == "S" else columns
    return frame_columns({str(index + 1): columns[:, index] for index in range(columns.shape[1])}, name)


def as_array(value: Any, name: str) -> np.ndarray:
    """Return an array, a tensor or nested lists as an array, none of its values changed.

    Raises:
        InputError: If rows differ in shape, or a tensor cannot be read.
    """
    if is_tensor(value):
        torch = sys.modules["torch"]
        try:
            tensor = value.detach().cpu().to_dense().resolve_conj().resolve_neg()
            # NumPy has no bfloat16, of which every value is a float32.
            return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
        except (TypeError, RuntimeError) as error:
            raise InputError(f"The tensors of {name} cannot be read as arrays: {reason_of(error)}.") from error
    if isinstance(value, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(value), np.nan, value.data) if value.mask.any() else np.asarray(value)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    rows = list(value)
    if any(is_tensor(row) for row in rows):
        rows = [as_array(row, name) if is_tensor(row) else row for row in rows]
    lengths = [len(row) if isinstance(row, (Sequence, np.ndarray)) and not isinstance(row, str) else -1 for row in rows]
    odd = next((index for index, size in enumerate(lengths) if size != lengths[0]), None)
    if odd is not None:
        raise InputError(
            f"Rows must all have the same length, but row {odd + 1} of {name} has {max(lengths[odd], 1)}, "
            f"row 1 has {max(lengths[0], 1)}."
        )
    try:
        found = np.array(rows)
    except ValueError as error:
        raise InputError(f"Rows must all have the same shape, but those of {name} differ.") from error
    # Mixed with text, NumPy would make numbers text, and None an object.
    if found.dtype.kind not in "biuf" or lengths[:1] == [-1]:
        mixed = [list(row) for row in rows] if lengths and lengths[0] >= 0 and found.ndim == 2 else rows
        if found.dtype.kind in "OSU":
            found = np.empty(found.shape, object)
            found[...] = mixed
    return found


def frame_columns(value: Any, name: str) -> Any:
    """Return the columns of a frame, or a mapping of columns, as an arrow table; an index is no column.

    Raises:
        InputError: If a column holds what no table can, such as complex numbers.
    """
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    if module_of(value) != "pandas" and not isinstance(value, Mapping):
        try:
            table = value if isinstance(value, arrow.Table) else arrow.table(value)
            return arrow.Table.from_arrays([_usual(arrow, one) for one in table.columns], table.column_names)
        except Exception as error:  # whatever the library raises
            raise InputError(f"The columns of {name} cannot be read: {reason_of(error)}.") from error
    is_mapping = isinstance(value, Mapping)
    pairs = value.items() if is_mapping else ((key, value.iloc[:, at]) for at, key in enumerate(value.columns))
    names, columns = [], []
    for key, column in pairs:
        names.append(str(key))
        columns.append(_arrow_column(arrow, column, f"column '{shown(key, 60)}' of {name}"))
    return arrow.Table.from_arrays(columns, names)


def _arrow_column(arrow: Any, column: Any, place: str) -> Any:
    if isinstance(column, (arrow.ChunkedArray, arrow.Array)):
        return _usual(arrow, column)
    if hasattr(column, "to_arrow"):  # of polars
        return _usual(arrow, column.to_arrow())
    kind = getattr(column, "dtype", None)
    if getattr(kind, "kind", "") == "c":
        raise InputError(f"Columns must be numbers, times or categories, but {place} contains complex numbers.")
    if type(kind).__name__ == "SparseDtype":
        column = np.asarray(column)
    try:
        found = arrow.array(column, from_pandas=True)
        if not arrow.types.is_struct(found.type) and not isinstance(found, arrow.ExtensionArray):
            return arrow.chunked_array([found])
    except (
        arrow.ArrowInvalid,
        arrow.ArrowTypeError,
        arrow.ArrowNotImplementedError,
        ValueError,
        TypeError,
        OverflowError,
    ):
        pass
    # Numbers beside texts or beyond 64 bits, periods, intervals, Python's own objects: as text, which is read like that
    # of a file.
    texts = [None if one is None or one != one or str(one) in ("<NA>", "NaT") else str(one) for one in column]
    return arrow.chunked_array([arrow.array(texts, arrow.string())])


def _usual(arrow: Any, column: Any) -> Any:
    """Return an arrow column with text of the usual kind, instead of views of it."""
    types = arrow.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string_view(kind) and types.is_dictionary(column.type):
        # Arrow cannot decode such a dictionary at once.
        chunks = column.chunks if isinstance(column, arrow.ChunkedArray) else [column]
        parts = [arrow.DictionaryArray.from_arrays(one.indices, one.dictionary.cast(arrow.string())) for one in chunks]
        column = arrow.chunked_array([one.cast(arrow.string()) for one in parts], arrow.string())
    elif types.is_string_view(kind):
        column = column.cast(arrow.large_string())
    return column if isinstance(column, arrow.ChunkedArray) else arrow.chunked_array([column])


def _labels_of(value: Any, name: str) -> np.ndarray:
    """Return targets as found, (n,) or (n, k)."""
    if is_frame(value):
        table = frame_columns(value, name)
        columns = [label_values(column) for column in table.columns]
        values = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    elif is_series(value):
        values = label_values(frame_columns({"label": value}, name).column(0))
    else:
        values = as_array(value.toarray() if is_sparse(value) else value, name)
    return values.reshape(-1) if values.ndim > 1 and values.size == len(values) else values


def one_hot_classes(labels: np.ndarray) -> np.ndarray | None:
    """Return the column of the one 1 in each row of zeros; None unless every row is so.

    Example:
        >>> one_hot_classes(np.array([[0, 1], [1, 0]])), one_hot_classes(np.array([[1, 1], [1, 0]])) is None
        (array([1, 0]), True)
    """
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "biuf":
        return None
    is_one = labels == 1
    if not (is_one | (labels == 0)).all() or not (is_one.sum(axis=1) == 1).all():
        return None
    return is_one.argmax(axis=1)


def _of_hugging_face(part: Any, name: str, source: DataSource) -> Found:
    """Return the columns of a data set of Hugging Face, or its images, with the names of its classes."""
    features = part.features
    label = find_label(list(features), source.label, file=name)
    names = getattr(features[label], "names", None)
    class_names = tuple(map(str, names)) if names else None
    table = part.with_format("arrow")[:]
    kinds = {column: type(feature).__name__ for column, feature in features.items()}
    image = [column for column, kind in kinds.items() if kind == "Image" and column != label]
    if image:
        chosen = next((column for column in ("image", "img") if column in image), image[0])
        cells = table.column(chosen).to_pylist()
        encoded = (cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]) for cell in cells)
        inputs = decode_images(
            encoded,
            len(cells),
            place=lambda row: f"row {row + 1} of {name}",
            max_bytes=source.max_bytes,
            size=source.image_shape,
        )
        return Found(inputs, label_values(table.column(label)), class_names, of_columns=True)
    return _of_columns(table.replace_schema_metadata(), name, source, class_names)


def nested_array(column: Any, place: str) -> np.ndarray | None:
    """Return an arrow column of lists as an array (n, ...); None if its cells are no lists.

    Raises:
        InputError: If the lists differ in length.
    """
    arrow = require("pyarrow", extra="data", purpose=_PURPOSE)
    types = arrow.types
    values = column.combine_chunks()
    values = values.storage if isinstance(values, arrow.ExtensionArray) else values
    shape = [len(values)]
    while types.is_list(values.type) or types.is_large_list(values.type) or types.is_fixed_size_list(values.type):
        sizes = np.array([-1 if size is None else size for size in _list_sizes(values)])
        if len(sizes) and (sizes != sizes[0]).any():
            row = int((sizes != sizes[0]).argmax())
            raise InputError(
                f"Lists must all have the same length, but {place} contains {max(sizes[row], 0)} values in row "
                f"{row + 1} and {max(sizes[0], 0)} in row 1."
            )
        shape.append(int(sizes[0]) if len(sizes) else 0)
        values = values.flatten()
    if len(shape) == 1 or values.null_count:
        return None
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def _list_sizes(values: Any) -> list[int | None]:
    compute = require("pyarrow.compute", extra="data", purpose=_PURPOSE)
    return compute.list_value_length(values).to_pylist()


def _stacked(part: Any, name: str, source: DataSource) -> Found | None:
    """Return items (input, target) as arrays; None if the first is no such pair."""
    first = _item(part, name, 0)
    if not isinstance(first, (tuple, list)) or len(first) != 2 or _input(first[0]) is None or _target(first[1]) is None:
        return None
    # Read twice: a random crop would make other data of the same samples in every process.
    fingerprint_of([(part, np.array([0]))], name=name)
    inputs, targets = [], []
    for index in range(len(part)):
        item = first if index == 0 else _item(part, name, index)
        pair = item if isinstance(item, (tuple, list)) and len(item) == 2 else (None, None)
        value, target = _input(pair[0]), _target(pair[1])
        if value is None or target is None:
            raise InputError(f"Items must all be (input, target) as the first of {name} is, but item {index} is not.")
        if source.image_shape is not None and value.dtype == np.uint8 and value.ndim == 3:
            value = resized(value[None], source.image_shape)[0]
        is_image = value.dtype == np.uint8 and value.ndim == 3
        if index and is_image and {len(value), len(inputs[0])} == {1, 3} and value.shape[1:] == inputs[0].shape[1:]:
            # A greyscale image among colour ones spreads over their three channels.
            inputs = [np.broadcast_to(one, (3, *one.shape[1:])) for one in inputs]
            value = np.broadcast_to(value, (3, *value.shape[1:]))
        for what, one, other in (("Inputs", value, inputs), ("Targets", np.asarray(target), targets)):
            if index and one.shape != other[0].shape:
                way_out = "; image_size (--image-size) brings images to one" if is_image and what == "Inputs" else ""
                raise InputError(
                    f"{what} must all have the same shape, but item {index} of {name} has {one.shape}, item 0 "
                    f"{other[0].shape}{way_out}."
                )
        inputs.append(value)
        targets.append(np.asarray(target))
    kinds = {one.dtype.kind for one in targets}
    labels = object_array([one.item() for one in targets]) if kinds & set("OSU") else np.stack(targets)
    names = getattr(part, "classes", None)
    class_names = tuple(names) if isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names) else None
    found = labels.reshape(-1) if labels.ndim > 1 and labels.size == len(labels) else labels
    stacked = np.stack(inputs)
    return Found(stacked[:, None] if stacked.ndim == 1 else stacked, found, class_names)


def _item(part: Any, name: str, index: int) -> Any:
    try:
        return part[index]
    except Exception as error:  # whatever the user's class does
        raise InputError(f"Item {index} of {name} cannot be read: {reason_of(error)}.") from error


def _input(value: Any) -> np.ndarray | None:
    """Return the input of an item as an array; None if it is none."""
    if module_of(value) == "PIL":
        return pixels_of(value)
    if isinstance(value, (bool, int, float, np.generic)):
        return np.asarray(value)
    if is_tensor(value) or isinstance(value, np.ndarray):
        found = as_array(value, "the items")
        return found if found.dtype.kind in "biufc" else None
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, (bool, int, float)) for one in value):
        return np.array(value)
    return None


def _target(value: Any) -> Any:
    """Return the target of an item as a number, a text or an array; None if it is none."""
    if isinstance(value, (str, bool, int, float, np.generic)):
        return value
    if is_tensor(value) or isinstance(value, np.ndarray):
        return as_array(value, "the items")
    return None
