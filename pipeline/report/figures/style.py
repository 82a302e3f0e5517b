"""How figures look and how they are kept: colors, sizes, PNG and SVG with the same bytes every time."""

import base64
import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from common.colors import GRID, INK, MUTED
from common.files import write_bytes
from common.tables import write_table

# Marks and lines tell subsets apart, colors behaviors: neither is needed to read the other.
SUBSET_MARKERS = {"cross_validation": "D", "test": "^", "evaluation": "s"}
SUBSET_LINES: Mapping[str, Any] = {"cross_validation": "-", "test": (0, (5, 1.5)), "evaluation": "-"}

PAGE_WIDTH_IN = 9.6
_PNG_DPI = 160
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
    numbers: list[dict[str, object]]


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


def panels(
    n_panels: int, panel_height_in: float, n_columns: int = 3, width_in: float = PAGE_WIDTH_IN
) -> tuple[Figure, list[Axes]]:
    """Make a figure with `n_panels` axes in rows of `n_columns` (fewer when there are fewer)."""
    # A single panel as wide as the page would be a poster: it keeps the width of half a row.
    columns = max(1, min(n_columns, n_panels))
    rows = max(1, math.ceil(n_panels / columns))
    if n_panels < n_columns:
        width_in = max(width_in * n_panels / n_columns, width_in * 0.5)
    figure = new_figure(width_in, panel_height_in * rows)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(n_panels)]
    return figure, axes


def new_figure(width_in: float, height_in: float, arrange: bool = True) -> Figure:
    """Make a figure that belongs to no window and no global list.

    With `arrange`, axes are placed so that no label is cut off; without, the caller places them (faster).
    """
    figure = Figure(figsize=(width_in, height_in), dpi=_PNG_DPI, layout="constrained" if arrange else None)
    FigureCanvasAgg(figure)
    return figure


def save_figure(
    figure: Figure,
    folder: Path,
    name: str,
    title: str,
    caption: str,
    embed: str = "svg",
    numbers: Sequence[Mapping[str, object]] = (),
) -> FigureFile:
    """Save a figure as PNG and SVG, with the numbers behind it as CSV, and return it ready to embed.

    Parameters
    ----------
    figure : Figure
    folder : Path
        The run's `figures` folder; made when missing.
    name : str
        Stem of the files.
    title, caption : str
        Plain text for the page.
    embed : {"svg", "png"}
        Which one the page carries: SVG is sharp, PNG is light where there are many marks.
    numbers : sequence of mapping
        Rows of `figures/<name>.csv`, all with the same keys; no file where there are none.
    """
    if numbers:
        write_table(folder / f"{name}.csv", tuple(numbers[0]), numbers)
    _settle_layout(figure)
    content: dict[str, bytes] = {}
    # Straight to the canvas: `savefig` draws everything once more for the layout, which is settled.
    stream = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    content["svg"] = stream.getvalue()
    stream = io.BytesIO()
    # The SVG canvas leaves the figure at its own 72 dots per inch.
    figure.dpi = _PNG_DPI
    FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
    content["png"] = _lighter(stream.getvalue())
    for kind, picture in content.items():
        write_bytes(folder / f"{name}.{kind}", picture)
    mime = "image/svg+xml" if embed == "svg" else "image/png"
    image = f"data:{mime};base64,{base64.b64encode(content[embed]).decode('ascii')}"
    return FigureFile(name, title, caption, image)


def _settle_layout(figure: Figure) -> None:
    """Place the axes once and for all, so that both files show the same."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    # Axes of equal scales move their titles when they are drawn, so that it takes two passes.
    if any(axes.get_aspect() != "auto" for axes in figure.axes):
        figure.draw_without_rendering()
        figure.draw_without_rendering()
    else:
        engine.execute(figure)
    figure.set_layout_engine("none")


def _lighter(png: bytes) -> bytes:
    """Store a picture with a palette of 256 colors: a third of the size, and no difference to see."""
    stream = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # Averaged colors make white a shade gray, which shows on a white page.
    picture.putpalette([255 if level >= 252 else level for level in picture.getpalette() or []])
    picture.save(stream, format="png", optimize=True, dpi=(_PNG_DPI, _PNG_DPI))
    return stream.getvalue()


def shorten(text: str, n_characters: int = 28) -> str:
    """Cut a long name in its middle, where names differ least, for use as a label."""
    if len(text) <= n_characters:
        return text
    head = (n_characters - 1) // 2
    return f"{text[:head]}…{text[len(text) - (n_characters - 1 - head) :]}"
