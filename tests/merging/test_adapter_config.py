import json
from pathlib import Path

import pytest

from moopt.errors import MergeError
from moopt.merging.adapter_config import read_adapter_config
from tests.merging.peft_folders import CONFIG


def write(folder: Path, **settings: object) -> Path:
    content = {**CONFIG, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(content))
    return folder


def test_the_scale_is_alpha_over_the_rank(tmp_path: Path) -> None:
    config = read_adapter_config(write(tmp_path, r=8, lora_alpha=4))

    assert (config.rank_of("h.0.q"), config.scale_of("h.0.q")) == (8, 0.5)


def test_with_rank_stabilization_it_is_alpha_over_the_root(tmp_path: Path) -> None:
    config = read_adapter_config(write(tmp_path, r=16, lora_alpha=8, use_rslora=True))

    assert config.scale_of("h.0.q") == 2.0


def test_patterns_fit_the_end_of_a_name_and_the_first_one_counts(tmp_path: Path) -> None:
    config = read_adapter_config(
        write(
            tmp_path,
            rank_pattern={"^h.q": 3, "1.q": 4, "h\\.[0-9]+\\.q": 5},
            alpha_pattern={"q": 30},
        )
    )

    assert [config.rank_of(name) for name in ("h.q", "h.1.q", "h.11.q", "x.h.q", "h.1.qq")] == [
        3,
        4,
        5,
        2,
        2,
    ]
    assert [config.scale_of(name) for name in ("h.q", "h.v")] == [10.0, 2.0]


def test_a_configuration_of_many_keys_that_are_not_set_is_plain(tmp_path: Path) -> None:
    write(
        tmp_path,
        use_dora=False,
        lora_bias=False,
        loftq_config={},
        arrow_config=None,
        target_modules=["q"],
        task_type="CAUSAL_LM",
        base_model_name_or_path="base",
        fan_in_fan_out=True,
    )

    config = read_adapter_config(tmp_path)

    assert (config.base, config.task, config.fan_in_fan_out) == ("base", "CAUSAL_LM", True)
    assert (config.rank, config.alpha) == (2, 4.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type 'IA3'"),
        ({"bias": "all"}, "bias 'all'"),
        ({"use_dora": True}, "sets 'use_dora' to True"),
        ({"lora_bias": True}, "sets 'lora_bias' to True"),
        ({"target_parameters": ["w"]}, "sets 'target_parameters'"),
        ({"a_key_of_next_year": 1}, "sets 'a_key_of_next_year' to 1"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights 'pissa_niter_4'"),
        ({"r": None}, "at least the numbers 'r'"),
        ({"rank_pattern": ["q"]}, "rank_pattern is no table"),
    ],
)
def test_what_is_more_than_two_factors_is_refused_with_its_file_and_key(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    write(tmp_path, **settings)

    with pytest.raises(MergeError, match=message) as caught:
        read_adapter_config(tmp_path)
    assert str(tmp_path / "adapter_config.json") in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "adapter_config.json").write_text(text)

    with pytest.raises(MergeError, match=r"adapter_config\.json"):
        read_adapter_config(tmp_path)


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="a folder that PEFT's save_pretrained wrote"):
        read_adapter_config(tmp_path)
