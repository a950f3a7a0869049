"""Read the weights of model folders, without ever writing to them.

A tensor can be read in pieces, so that a merge needs memory for a few pieces and not for several
models. Pieces are read from the file and not mapped: mapped pages would count as memory in use.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from moopt.errors import MergeError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a checkpoint says of a tensor without loading it."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return torch.Size(self.shape).numel()

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor's numbers lie."""

    file: Path
    offset: int
    """Bytes from the beginning of the file."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a model folder, opened read-only."""

    folder: Path
    tensors: Mapping[str, TensorInfo]
    """By name, in alphabetical order."""

    places: Mapping[str, Place]

    def load(self, name: str) -> Tensor:
        """Load one tensor.

        Raises:
            MergeError: There is no such tensor, or its file cannot be read.
        """
        if name not in self.places:
            raise MergeError(f"{self.folder} has no tensor {name!r}")
        info = self.tensors[name]
        return self.read(name, 0, info.count).view(info.shape)

    def read(self, name: str, start: int, stop: int) -> Tensor:
        """Read some numbers of a tensor, in one dimension.

        Args:
            name: The tensor.
            start: Index of the first number.
            stop: Index behind the last.

        Raises:
            MergeError: The file cannot be read or has become shorter.
        """
        dtype = self.tensors[name].dtype
        place = self.places[name]
        size = (stop - start) * dtype.itemsize
        try:
            data = np.fromfile(
                place.file, np.uint8, size, offset=place.offset + start * dtype.itemsize
            )
        except OSError as error:
            raise MergeError(f"cannot read {name!r} from {place.file}: {error}") from error
        if len(data) < size:
            raise MergeError(f"{place.file} ends within the tensor {name!r}; it is damaged")
        return torch.from_numpy(data).view(dtype)

    def file(self, name: str) -> Path:
        """Return the file that holds a tensor."""
        return self.places[name].file


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open the weights of a model folder, in one file or in several with an index.

    Raises:
        MergeError: There are no safetensors weights, or they cannot be read.
    """
    if (folder / WEIGHTS).is_file():
        paths = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        paths = _shards(folder)
    else:
        raise MergeError(
            f"{folder} has neither {WEIGHTS} nor {INDEX}; give a model folder with safetensors "
            "weights, for example one that save_pretrained wrote"
        )
    tensors: dict[str, TensorInfo] = {}
    places: dict[str, Place] = {}
    for path in paths:
        for name, (info, offset) in _header(path).items():
            if name in places:
                raise MergeError(
                    f"the tensor {name!r} is both in {places[name].file} and in {path}"
                )
            tensors[name] = info
            places[name] = Place(path, offset)
    return Checkpoint(folder, {name: tensors[name] for name in sorted(tensors)}, places)


def _shards(folder: Path) -> list[Path]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MergeError(f"{folder / INDEX} is not an index with a weight_map: {error}") from error
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise MergeError(f"{folder / INDEX} names files that are not there: {', '.join(missing)}")
    return [folder / name for name in names]


def _header(path: Path) -> dict[str, tuple[TensorInfo, int]]:
    try:
        with safe_open(path, framework="pt"):  # refuses files that are cut short or otherwise wrong
            pass
        with path.open("rb") as file:
            length: int = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
    except (OSError, SafetensorError, ValueError) as error:
        raise MergeError(f"cannot read {path} as safetensors: {error}") from error
    infos = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        label = entry["dtype"]
        if label not in DTYPES:
            raise MergeError(
                f"{name!r} in {path} is stored as {label}; only {', '.join(DTYPES)} can be "
                "merged, so convert it first"
            )
        info = TensorInfo(tuple(entry["shape"]), DTYPES[label])
        infos[name] = info, 8 + length + entry["data_offsets"][0]
    return infos
