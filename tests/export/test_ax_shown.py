import json

from moopt.export.ax_shown import MarkedTexts


def test_choices_are_escaped_where_they_are_a_value_and_markup_stays() -> None:
    marked = MarkedTexts(("<b>a</b>", "<", "&"))
    figure = {
        "hover": "Arm 0_0<br>c: <<br>d: &",
        "ticktext": ["<", "&", "<b>a</b>", "x < y"],
        "hovertemplate": "%{x}<extra></extra>",
    }

    assert json.loads(marked.escaped(json.dumps(figure))) == {
        "hover": "Arm 0_0<br>c: &lt;<br>d: &amp;",
        "ticktext": ["&lt;", "&amp;", "&lt;b&gt;a&lt;/b&gt;", "x < y"],
        "hovertemplate": "%{x}<extra></extra>",
    }
