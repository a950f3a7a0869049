"""Read model folders without ever writing to them, and write new ones.

A checkpoint is opened one tensor at a time, so that a merge needs memory for a few tensors and not
for several models. New weights are written in the safetensors layout, tensor by tensor: eight bytes
that hold the length of a header, the header as JSON, then the numbers.
"""

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from moopt.errors import MergeError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
COMPANIONS = (
    CONFIG,
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "chat_template.jinja",
)
"""Files that a merged model takes over from its base."""

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
    def size(self) -> int:
        """Bytes."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a model folder, opened read-only."""

    folder: Path
    tensors: Mapping[str, TensorInfo]
    """By name, in alphabetical order."""

    files: Mapping[str, Path]
    """The file that holds each tensor."""

    def load(self, name: str) -> Tensor:
        """Load one tensor.

        Raises:
            MergeError: There is no such tensor, or its file is damaged.
        """
        if name not in self.files:
            raise MergeError(f"{self.folder} has no tensor {name!r}")
        try:
            with safe_open(self.files[name], framework="pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise MergeError(f"cannot read {name!r} from {self.files[name]}: {error}") from error
        return tensor


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
    files: dict[str, Path] = {}
    for path in paths:
        for name, info in _header(path).items():
            if name in files:
                raise MergeError(f"the tensor {name!r} is both in {files[name]} and in {path}")
            tensors[name] = info
            files[name] = path
    return Checkpoint(folder, {name: tensors[name] for name in sorted(tensors)}, files)


def write_weights(
    path: Path,
    tensors: Mapping[str, TensorInfo],
    load: Callable[[str], Tensor],
    *,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file, one tensor in memory at a time.

    Equal tensors give equal bytes. The file appears when it is complete.

    Args:
        path: The file to write.
        tensors: What will be written; names are put in alphabetical order.
        load: Gives each tensor, asked for once.
        notes: Texts for the file's metadata.

    Raises:
        MergeError: A tensor is not of the shape and dtype that were announced.
    """
    names = sorted(tensors)
    labels = {dtype: label for label, dtype in DTYPES.items()}
    header: dict[str, object] = {"__metadata__": {"format": "pt", **(notes or {})}}
    end = 0
    for name in names:
        info = tensors[name]
        header[name] = {
            "dtype": labels[info.dtype],
            "shape": list(info.shape),
            "data_offsets": [end, end + info.size],
        }
        end += info.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format asks for numbers at a multiple of eight

    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in names:
            tensor = load(name)
            if (tuple(tensor.shape), tensor.dtype) != (tensors[name].shape, tensors[name].dtype):
                raise MergeError(
                    f"{name!r} came as {tuple(tensor.shape)} {tensor.dtype}, "
                    f"announced was {tensors[name].shape} {tensors[name].dtype}"
                )
            file.write(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    unfinished.replace(path)


def copy_companions(source: Path, target: Path) -> None:
    """Copy configuration and tokenizer of a model folder."""
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


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


def _header(path: Path) -> dict[str, TensorInfo]:
    infos = {}
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            for name in names:
                part = file.get_slice(name)
                label = part.get_dtype()
                if label not in DTYPES:
                    raise MergeError(
                        f"{name!r} in {path} is stored as {label}; only {', '.join(DTYPES)} can be "
                        "merged, so convert it first"
                    )
                infos[name] = TensorInfo(tuple(part.get_shape()), DTYPES[label])
    except (OSError, SafetensorError) as error:
        raise MergeError(f"cannot read {path} as safetensors: {error}") from error
    return infos
