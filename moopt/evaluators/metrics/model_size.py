"""How many bytes a model takes on disk.

Both sizes are computed from shapes and dtypes, nothing is written. So they are exact, and a model
on torch's `meta` device will do.
"""

import json
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

_DTYPES = {
    "int64": "I64",
    "float64": "F64",
    "float32": "F32",
    "int32": "I32",
    "bfloat16": "BF16",
    "float16": "F16",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
"""What safetensors calls the dtypes of torch, in the order in which it writes tensors."""

_LENGTH = 8
"""Bytes that say how long a file's header is. The header is padded to a multiple of as many."""

_INT8 = 1
_FLOAT32 = 4


def model_bytes(model: nn.Module) -> tuple[float, float]:
    """Return the bytes of the model as one safetensors file, as transformers writes it.

    Tied weights are written once. The standard error is 0: it is a fact.
    """
    tensors = _tensors(model)
    weights = sum(each.numel() * each.element_size() for each in tensors.values())
    return float(_LENGTH + _header_bytes(tensors) + weights), 0.0


def int8_model_bytes(model: nn.Module) -> tuple[float, float]:
    """Return the bytes of the weights after dynamic quantisation of linear layers to int8.

    Every linear layer keeps its weights as int8 with one float32 scale for each output, and its
    bias as it is; all else stays as it is. A linear layer whose weights are tied to something else,
    such as an embedding, has an int8 copy of its own, and the other stays. Counted are the tensors,
    without the few kilobytes of a file's header. The standard error is 0: it is a fact.
    """
    linear = [each for each in model.modules() if isinstance(each, nn.Linear)]
    quantized = {id(each.weight) for each in linear}
    elsewhere = {
        id(weights)
        for module in model.modules()
        if not isinstance(module, nn.Linear)
        for weights in module.parameters(recurse=False)
    }
    kept = [
        each
        for each in _tensors(model).values()
        if id(each) not in quantized or id(each) in elsewhere
    ]
    whole = {id(each.weight): each.weight for each in linear}.values()
    small = sum(each.numel() * _INT8 + each.shape[0] * _FLOAT32 for each in whole)
    return float(_bytes(kept) + small), 0.0


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return what a file of the model holds, tied tensors under their first name alone."""
    saved = model.state_dict(keep_vars=True)
    first = {id(tensor): name for name, tensor in reversed(saved.items())}
    return {name: tensor for name, tensor in saved.items() if first[id(tensor)] == name}


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)


def _header_bytes(tensors: Mapping[str, Tensor]) -> int:
    """Return how long the header of a safetensors file is, padding included."""
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()}
    rank = {dtype: place for place, dtype in enumerate(_DTYPES)}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    # by dtype, then by name: how many digits the offsets have depends on the order
    for name in sorted(tensors, key=lambda name: (rank[dtypes[name]], name)):
        tensor = tensors[name]
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _DTYPES[dtypes[name]],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    length = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return -(-length // _LENGTH) * _LENGTH
