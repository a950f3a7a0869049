from pathlib import Path

import numpy as np
import pytest

from moopt.errors import MissingDependencyError, TrainingError
from moopt.training import gguf as conversion
from moopt.training.gguf import convert_gguf
from moopt.training.transformers_models import load_language_model, load_tokenizer
from tests.tiny_language_models import tiny_config

gguf = pytest.importorskip("gguf", reason="needs the extra moopt[gguf]")
pytest.importorskip("accelerate", reason="needs the extra moopt[gguf]")
LETTERS = "abcdefgh"


def write_gguf(file: Path) -> Path:
    """Write a Llama of two layers with random weights, as llama.cpp does."""
    config = tiny_config()
    width, inner = config.hidden_size, config.intermediate_size
    keys = width // 2
    tokens = ["<end>", *LETTERS, "Ġ", "ab", "Ġa"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * (len(tokens) - 1)])
    writer.add_token_merges(["a b", "Ġ a"])
    writer.add_eos_token_id(0)
    writer.add_pad_token_id(0)
    writer.add_chat_template("{{ messages }}")
    shapes = {
        "token_embd": (len(tokens), width),
        "output_norm": (width,),
        **{
            f"blk.{layer}.{part}": shape
            for layer in range(2)
            for part, shape in {
                "attn_norm": (width,),
                "attn_q": (width, width),
                "attn_k": (keys, width),
                "attn_v": (keys, width),
                "attn_output": (width, width),
                "ffn_norm": (width,),
                "ffn_gate": (inner, width),
                "ffn_up": (inner, width),
                "ffn_down": (width, inner),
            }.items()
        },
    }
    numbers = np.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", numbers.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_converted_file_is_a_folder_that_transformers_loads(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()

    convert_gguf(write_gguf(tmp_path / "tiny.gguf"), folder)

    model, tokenizer = load_language_model(folder), load_tokenizer(folder)
    assert model.config.num_hidden_layers == 2
    assert {each.dtype.itemsize for each in model.parameters()} == {4}
    assert tokenizer("ab a")["input_ids"] == [10, 11]
    assert tokenizer.chat_template == "{{ messages }}"


def test_a_cut_model_keeps_its_first_layers(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf")
    for name, layers in {"whole": None, "cut": 1}.items():
        (tmp_path / name).mkdir()
        convert_gguf(file, tmp_path / name, layers)

    whole, cut = (load_language_model(tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert {name for name in whole if "layers.1." not in name} == set(cut)
    assert [name for name in cut if not whole[name].equal(cut[name])] == []


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(b"GGML" * 64)

    with pytest.raises(TrainingError, match=r"transformers cannot load .*other\.gguf"):
        convert_gguf(tmp_path / "other.gguf", tmp_path)


def test_a_missing_package_is_answered_by_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "NEEDED", ("no_such_package",))

    with pytest.raises(MissingDependencyError, match=r"needs no_such_package.*moopt\[gguf\]"):
        convert_gguf(tmp_path / "tiny.gguf", tmp_path)
