import io

from rich.console import Console

from moopt.cli.steps import PlainSteps, bars


def test_each_topic_and_each_quarter_is_a_line() -> None:
    lines: list[str] = []
    steps = PlainSteps(lines.append)

    for index in range(8):
        steps.tell(f"merging: tensor {index}", index / 8)
    steps.tell("merging: done", 1.0)
    steps.tell("packing: done", 1.0)

    assert lines == [
        "merging,   0%: tensor 0",
        "merging,  25%: tensor 2",
        "merging,  50%: tensor 4",
        "merging,  75%: tensor 6",
        "merging, 100%: done",
        "packing, 100%: done",
    ]


def test_a_bar_has_its_count_and_what_is_done_on_one_line() -> None:
    out = io.StringIO()
    shown = bars(Console(file=out, force_terminal=True, width=60))

    with shown:
        shown.add_task("merging", total=100, completed=45, facts="model.layers.3.mlp.weight " * 3)

    line = out.getvalue()
    assert "merging" in line
    assert "45/100" in line
    assert "…" in line
