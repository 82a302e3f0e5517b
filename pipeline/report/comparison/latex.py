r"""Tables for LaTeX documents, in the style of the package booktabs.

Cells are LaTeX already: text from outside (names of runs and behaviors) goes through `escape` first.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

# In one pass, so that the backslashes and braces of a replacement are not replaced again.
_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        # These come out as other characters in TeX's old font encoding.
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "\u00a0": "~",
        "\u2212": "$-$",
        "\u2013": r"\textendash{}",
        "\u2014": r"\textemdash{}",
        "\u2018": "`",
        "\u2019": "'",
        "\u201c": "``",
        "\u201d": "''",
        "\u2026": r"\ldots{}",
    }
    | {character: f"\\{character}" for character in "{}$&#%_"}
)


class Span(NamedTuple):
    """A cell over several columns; its text is LaTeX, "" leaves them empty and without a rule."""

    text: str
    n_columns: int
    alignment: str = "c"


Cell = str | Span


def escape(text: str) -> str:
    """Any text as LaTeX that prints just that text; white space of any kind becomes one space.

    A `[` or `*` is wrapped in braces, for at the start of a row it would be read as an option of the row
    before; two hyphens are kept from becoming a dash.
    """
    line = " ".join(text.translate(_SPECIAL).split())
    return re.sub("-(?=-)", "-{}", re.sub(r"([\[*])", r"{\1}", line))


def bold(text: str) -> str:
    """LaTeX text in bold."""
    return rf"\textbf{{{text}}}"


def table(
    caption: str,
    label: str,
    alignment: str,
    headings: Sequence[Sequence[Cell]],
    blocks: Sequence[Sequence[Sequence[Cell]]],
) -> str:
    r"""A floating table.

    Parameters
    ----------
    caption : str
        LaTeX.
    label : str
        For `\ref`.
    alignment : str
        One letter (l, c, r) per column.
    headings : sequence of rows
        Each row fills all columns; spans with a text get a rule under them.
    blocks : sequence of sequence of rows
        Separated by a rule.

    Returns
    -------
    str
        Lines, the last one ended.
    """
    lines = [r"\begin{table}[htbp]", r"  \centering", rf"  \caption{{{caption}}}", rf"  \label{{{label}}}"]
    lines += [r"  \footnotesize", r"  \setlength{\tabcolsep}{3pt}", rf"  \begin{{tabular}}{{@{{}}{alignment}@{{}}}}"]
    lines.append(r"    \toprule")
    for row in headings:
        lines += [_row(row), *_rules_under_spans(row)]
    for block in blocks:
        lines += [r"    \midrule", *map(_row, block)]
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[Cell]) -> str:
    texts = (
        cell if isinstance(cell, str) else rf"\multicolumn{{{cell.n_columns}}}{{{cell.alignment}}}{{{cell.text}}}"
        for cell in cells
    )
    return "    " + " & ".join(texts) + r" \\"


def _rules_under_spans(cells: Sequence[Cell]) -> list[str]:
    rules, column = [], 1
    for cell in cells:
        width = cell.n_columns if isinstance(cell, Span) else 1
        if isinstance(cell, Span) and cell.text:
            rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    return ["    " + " ".join(rules)] if rules else []
