"""What networks are shown, as a table of pictures for a page."""

from collections.abc import Sequence

from common.pictures import data_uri
from common.tables import Row
from features.sources.views import NetworkView
from pipeline.audit.identity import SeenChange
from pipeline.run_folder.pictures import read_network_views
from pipeline.run_folder.reading import Run
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.whole_files import read_required


def view_table(
    columns: Sequence[Sequence[str]], views: Sequence[NetworkView], pictures: Sequence[Sequence[bytes | None]]
) -> Row:
    """What the macro `network_views` shows.

    Parameters
    ----------
    columns : sequence of sequence of str
        Lines above each column.
    views : sequence of NetworkView
        The rows.
    pictures : sequence of sequence of bytes or None
        JPEG by view and column; None where there is none.
    """
    rows = [
        {
            "title": view.title,
            "size": view.size_in_words,
            "pictures": [
                {
                    "image": None if jpeg is None else data_uri(jpeg),
                    "alt": f"What {view.network} sees. {view.title}; {', '.join(lines)}",
                }
                for lines, jpeg in zip(columns, shown, strict=True)
            ],
        }
        for view, shown in zip(views, pictures, strict=True)
    ]
    return {"columns": columns, "rows": rows}


def change_table(changes: Sequence[SeenChange]) -> Row:
    """The same macro's table of what is odd about tracks: the frames before and after."""
    rows = [
        {
            "title": change.said,
            "size": f"frame {change.frame:,}, {change.frame / change.fps:.1f} s",
            "pictures": [
                {"image": data_uri(jpeg), "alt": f"{change.said}: frame {number:,}"}
                for number, jpeg in zip((change.before, change.frame), change.pictures, strict=True)
            ],
        }
        for change in changes
    ]
    return {"columns": [["before"], ["after"]], "rows": rows}


def colors_in_words(views: Sequence[NetworkView]) -> list[str]:
    """What colors mean, a sentence for each way of making them; none where they are the video's own."""
    return [words for words in dict.fromkeys(view.colors_in_words for view in views) if words]


def views_of_run(run: Run) -> Row | None:
    """What the networks of a run are shown: `table` and `words`; None where its folder has no pictures of it.

    Raises
    ------
    InputError
        When the table or a picture can't be read.
    """
    folder = RunDir(run.path)
    shown = read_network_views(folder)
    if not shown:
        return None
    views = {frame.row: frame.view for frame in shown}
    heads = {
        frame.column: [
            f"{frame.behavior} (predicted)" if frame.said_by == "model" else frame.behavior,
            frame.recording,
            f"{frame.time_s:.1f} s",
        ]
        for frame in shown
    }
    jpegs = {
        (frame.row, frame.column): read_required(folder, run.path / frame.file, lambda path: path.read_bytes())
        for frame in shown
    }
    columns = [[line for line in heads[column] if line] for column in sorted(heads)]
    pictures = [[jpegs.get((row, column)) for column in sorted(heads)] for row in sorted(views)]
    in_order = [views[row] for row in sorted(views)]
    return {
        "table": view_table(columns, in_order, pictures),
        "words": colors_in_words(in_order),
        "sheets": _sheets(run),
    }


def _sheets(run: Run) -> list[Row]:
    """The contact sheet of each recording that has one."""
    folder = RunDir(run.path)
    paths = {row.recording: folder.contact_sheet_path(row.recording) for row in run.recordings}
    return [
        {"recording": name, "image": data_uri(read_required(folder, path, lambda path: path.read_bytes()))}
        for name, path in paths.items()
        if path.is_file()
    ]
