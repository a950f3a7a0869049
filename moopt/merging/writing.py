"""Write model folders: weights in the safetensors layout, in shards, piece by piece.

The layout is eight bytes that hold the length of a header, the header as JSON, then the numbers.
"""

import json
import shutil
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.checkpoint import CONFIG, DTYPES, INDEX, WEIGHTS, TensorInfo

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
    "sentencepiece.bpe.model",
    "chat_template.jinja",
)
"""Files that a merged model takes over from its base."""

SHARD_SIZE = 5_000_000_000
"""Bytes of weights in one file."""

DTYPE_KEYS = ("dtype", "torch_dtype")
"""What the dtype of the weights is called in a configuration, by newer and older transformers."""

Pieces = Callable[[str], Iterable[Tensor]]
"""Gives the numbers of a tensor in order, in as many pieces as one likes."""


def write_model_weights(
    folder: Path, tensors: Mapping[str, TensorInfo], pieces: Pieces, shard_size: int = SHARD_SIZE
) -> None:
    """Write the weights of a model, in one file or in several with an index.

    Equal tensors give equal bytes.

    Args:
        folder: An existing folder.
        tensors: What will be written; names are put in alphabetical order.
        pieces: Asked for each tensor once.
        shard_size: Most bytes of weights in one file; a larger tensor has a file of its own.

    Raises:
        MergeError: A tensor is not of the size and dtype that were announced.
    """
    shards = _shards(tensors, shard_size)
    if len(shards) == 1:
        write_tensors(folder / WEIGHTS, tensors, pieces)
        return
    files = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_tensors(folder / file, {name: tensors[name] for name in names}, pieces)
        files.update(dict.fromkeys(names, file))
    total = sum(info.size for info in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": files}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def write_tensors(
    path: Path,
    tensors: Mapping[str, TensorInfo],
    pieces: Pieces,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write one safetensors file. It appears when it is complete.

    Args:
        path: The file to write.
        tensors: What will be written; names are put in alphabetical order.
        pieces: Asked for each tensor once.
        notes: Texts for the file's metadata.

    Raises:
        MergeError: A tensor is not of the size and dtype that were announced.
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
    try:
        with unfinished.open("wb") as file:
            file.write(struct.pack("<Q", len(text)))
            file.write(text)
            for name in names:
                _write_numbers(file, name, tensors[name], pieces(name))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def copy_companions(source: Path, target: Path, dtype: str | None = None) -> None:
    """Copy configuration and tokenizer of a model folder.

    Args:
        source: The model.
        target: An existing folder.
        dtype: What the configuration has to say of the weights. None: what it says already.

    Raises:
        MergeError: The configuration is no JSON object.
    """
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if dtype is not None and (target / CONFIG).is_file():
        _declare(target / CONFIG, dtype)


def _declare(config: Path, dtype: str) -> None:
    """Write the dtype of the weights into a configuration and into its parts that name one."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        content.setdefault("dtype" if "dtype" in content else "torch_dtype", dtype)
    except (ValueError, AttributeError) as error:
        raise MergeError(f"{config} is not the configuration of a model: {error}") from error
    for part in (content, *(each for each in content.values() if isinstance(each, dict))):
        part.update((key, dtype) for key in DTYPE_KEYS if part.get(key) is not None)
    config.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_numbers(file: BinaryIO, name: str, info: TensorInfo, pieces: Iterable[Tensor]) -> None:
    written = 0
    for piece in pieces:
        if piece.dtype != info.dtype:
            raise MergeError(f"{name!r} came as {piece.dtype}, announced was {info.dtype}")
        flat = piece.cpu().contiguous().flatten()
        file.write(flat.view(torch.uint8).numpy().data)
        written += len(flat)
    if written != info.count:
        raise MergeError(f"{name!r} came with {written} numbers, announced were {info.count}")


def _shards(tensors: Mapping[str, TensorInfo], shard_size: int) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    filled = 0
    for name in sorted(tensors):
        size = tensors[name].size
        if shards[-1] and filled + size > shard_size:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards
