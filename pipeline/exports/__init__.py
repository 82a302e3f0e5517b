"""Formats that leave Rearview, a file each.

Bouts go out as the files of `EXPORTS`, towards a human's annotation program or spreadsheet; corrected there, they
come back through `pipeline.annotations`. A new format is a new file here and one line in `EXPORTS`.
"""

from pipeline.exports import boris_paste, boris_project, boris_xlsx, bout_csv, frame_csv
from pipeline.exports.base import ExportFormat

__all__ = ["EXPORTS"]

EXPORTS: dict[str, ExportFormat] = {
    "boris": boris_project,
    "xlsx": boris_xlsx,
    "paste": boris_paste,
    "bouts": bout_csv,
    "frames": frame_csv,
}
