"""What mattered to boosting: the drop of its average precision when a feature is shuffled."""

from common.colors import INK, behavior_colors
from pipeline.report.figures.style import Drawing, panels, shorten
from pipeline.run_folder.reading import Run

MOST_BARS = 20


def draw_importance(run: Run) -> Drawing | None:
    """A panel per behavior: the features that mattered most, the greatest at the top."""
    top = {
        behavior: [row for row in run.tables.importance if row["behavior"] == behavior][:MOST_BARS]
        for behavior in run.behaviors
    }
    top = {behavior: rows for behavior, rows in top.items() if rows}
    if not top:
        return None
    colors = behavior_colors(run.behaviors)
    figure, all_axes = panels(len(top), (4.6, 0.9 + 0.19 * max(map(len, top.values()))))
    for (axes,), (behavior, rows) in zip(all_axes, top.items(), strict=True):
        places = range(len(rows))
        axes.barh(places, [row["drop"] for row in rows], height=0.7, color=colors[behavior], alpha=0.75)
        for place, row in enumerate(rows):
            if row["sd"] is not None:
                span = [row["drop"] - row["sd"], row["drop"] + row["sd"]]
                axes.plot(span, [place, place], color=INK, linewidth=0.9)
        axes.set_yticks(places, [shorten(row["feature"], 34) for row in rows], fontsize=7)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(shorten(behavior))
        axes.set_xlabel("drop of average precision")
        axes.grid(axis="x")
    return Drawing(figure, [row for rows in top.values() for row in rows])
