"""How figures look and how they are kept: colors, sizes, PNG and SVG with the same bytes every time."""

import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from common.colors import GRID, INK, MUTED
from common.files import write_bytes
from common.pictures import data_uri
from common.tables import Row, write_table

# Marks and lines tell subsets apart, colors behaviors: neither is needed to read the other.
SUBSET_MARKERS = {"cross_validation": "D", "test": "^", "evaluation": "s"}
# Where several behaviors share axes, for those to whom two of their colors look alike.
BEHAVIOR_MARKERS = "osD^vPX"
SUBSET_LINES: Mapping[str, Any] = {"cross_validation": "-", "test": (0, (5, 1.5)), "evaluation": "-"}

PAGE_WIDTH_IN = 9.6
_WIDEST_IN = 12.0
_PNG_DPI = 160
_LEGEND_MARK_IN, _CHARACTER_IN = 0.45, 0.075
"""Widths in a legend: a mark with the room around it, and a letter at most."""
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    # Names of behaviors and recordings are text, never formulas.
    "text.parse_math": False,
    # Makes the ids inside an SVG depend on its content alone.
    "svg.hashsalt": "rearview",
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Drawing:
    """A figure and the numbers that it shows.

    Attributes
    ----------
    figure : Figure
    numbers : list of dict
        Rows with one and the same keys, a row per mark or point of a curve; None = undefined.
    """

    figure: Figure
    numbers: list[Row]


@dataclass(frozen=True)
class FigureFile:
    """A figure that was drawn and saved.

    Attributes
    ----------
    name : str
        Stem of `figures/<name>.png`, `.svg` and `.csv`.
    title, caption : str
        Plain text.
    image : str
        The picture as a data URI, for embedding.
    """

    name: str
    title: str
    caption: str
    image: str


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw inside this: matplotlib's settings are the report's here and untouched outside."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A name in a script that the figures' font lacks shows as boxes there; the page itself has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(width_in: float, height_in: float, arrange: bool = True) -> Figure:
    """Make a figure that belongs to no window and no global list.

    With `arrange`, axes are placed so that no label is cut off; without, the caller places them (faster).
    """
    return Figure(figsize=(width_in, height_in), dpi=_PNG_DPI, layout="constrained" if arrange else None)


def panels(
    n_panels: int, panel_size_in: tuple[float, float], ratios: Sequence[float] = (1,), least_width_in: float = 4.8
) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of panels, as many beside each other as a page has room for, each of axes below each other.

    Parameters
    ----------
    n_panels : int
    panel_size_in : (float, float)
        Width and height of a panel.
    ratios : sequence of float
        Heights of a panel's axes, from top to bottom.
    least_width_in : float
        Of the figure.

    Returns
    -------
    (Figure, list of list of Axes)
        The axes of each panel, from top to bottom.
    """
    n_columns = min(n_panels, int(_WIDEST_IN / panel_size_in[0]))
    n_rows = math.ceil(n_panels / n_columns)
    figure = new_figure(max(panel_size_in[0] * n_columns, least_width_in), panel_size_in[1] * n_rows)
    grid = figure.add_gridspec(len(ratios) * n_rows, n_columns, height_ratios=[*ratios] * n_rows)
    return figure, [
        [figure.add_subplot(grid[len(ratios) * (i // n_columns) + row, i % n_columns]) for row in range(len(ratios))]
        for i in range(n_panels)
    ]


def line_panels(figure: Figure, labels: Sequence[str], n_panels: int = 1) -> list[Axes]:
    """Make panels beside each other with a line per label; lines are named once, at the left."""
    all_axes = [figure.add_subplot(1, n_panels, i + 1) for i in range(n_panels)]
    for axes in all_axes:
        axes.set_yticks(range(len(labels)), labels if axes is all_axes[0] else [""] * len(labels))
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(n_panels == 1)
    return all_axes


def label_left(axes: Axes, words: str) -> None:
    """Name the vertical axis of the leftmost axes of each row."""
    place = axes.get_subplotspec()
    if place is None or place.is_first_col():
        axes.set_ylabel(words)


def legend_columns(labels: Sequence[str], width_in: float, most: int = 6) -> int:
    """How many columns of a legend fit beside each other in a figure of this width."""
    column_in = _LEGEND_MARK_IN + _CHARACTER_IN * max(map(len, labels), default=0)
    return max(1, min(most, len(labels), int(width_in / column_in)))


def mark(marker: str, label: str, color: str = INK, **looks: Any) -> Line2D:
    """A mark of a legend."""
    return Line2D([], [], linestyle="", marker=marker, label=label, color=color, **looks)


def line(label: str, color: str = INK, **looks: Any) -> Line2D:
    """A line of a legend."""
    return Line2D([], [], label=label, color=color, **looks)


def save_figure(drawing: Drawing, folder: Path, name: str, title: str, caption: str, embed: str = "svg") -> FigureFile:
    """Save a figure as PNG and SVG, with the numbers behind it as CSV, and return it ready to embed.

    Parameters
    ----------
    drawing : Drawing
    folder : Path
        The run's `figures` folder; made when missing.
    name : str
        Stem of the files.
    title, caption : str
        Plain text for the page.
    embed : {"svg", "png"}
        Which one the page carries: SVG is sharp, PNG is light where there are many marks.
    """
    if drawing.numbers:
        write_table(folder / f"{name}.csv", tuple(drawing.numbers[0]), drawing.numbers)
    arrange(drawing.figure)
    content = {"svg": _svg_bytes(drawing.figure), "png": _png_bytes(drawing.figure)}
    for kind, picture in content.items():
        write_bytes(folder / f"{name}.{kind}", picture)
    mime = "image/svg+xml" if embed == "svg" else "image/png"
    return FigureFile(name, title, caption, data_uri(content[embed], mime))


def arrange(figure: Figure) -> None:
    """Place the axes once: to arrange them costs as much as to draw them."""
    engine = figure.get_layout_engine()
    if engine is not None:
        if any(axes.get_aspect() != "auto" for axes in figure.axes):
            # Axes of equal scales move their titles when they are drawn.
            figure.draw_without_rendering()
        engine.execute(figure)
        figure.set_layout_engine(None)


def _svg_bytes(figure: Figure) -> bytes:
    """A figure whose axes are placed, as SVG; without a date the same figure is the same file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _png_bytes(figure: Figure) -> bytes:
    """The same as PNG with a palette of 256 colors: a third of the size, and no difference to see."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Straight from what was drawn: to pack all its colors and unpack them again costs as much as to draw it.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture = picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # Averaged colors make white a shade gray, which shows on a white page.
    picture.putpalette([255 if level >= 252 else level for level in picture.getpalette() or []])
    stream = io.BytesIO()
    # Packed as tightly as can be it would be a twentieth smaller and take six times as long.
    picture.save(stream, format="png", compress_level=6, dpi=(_PNG_DPI, _PNG_DPI))
    return stream.getvalue()


def shorten(text: str, n_characters: int = 28) -> str:
    """Cut a long name in its middle, where names differ least, for use as a label."""
    if len(text) <= n_characters:
        return text
    head = (n_characters - 1) // 2
    return f"{text[:head]}…{text[len(text) - (n_characters - 1 - head) :]}"
