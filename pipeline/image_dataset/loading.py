"""Python that loads a data set for training, as it stands in its README; the tests run these very lines.

It is run in the data set's folder; `train` is a ``tf.data.Dataset`` of pictures and labels.
"""

from pipeline.image_dataset.plan import Plan
from pipeline.image_dataset.rows import TRAIN, UNLABELED
from pipeline.image_dataset.settings import JPEG, PNG


def class_folders(plan: Plan) -> list[str]:
    """Images in folders by class."""
    names = ", ".join(map(_quoted, plan.labeling.classes))
    sides = [each for each in plan.sides if each != UNLABELED]
    return [
        "import keras",
        f"settings = dict(class_names=[{names}], image_size=({plan.size_px}, {plan.size_px}), batch_size=64)",
        *(
            f'{each} = keras.utils.image_dataset_from_directory("{each}", {"" if each == TRAIN else "shuffle=False, "}'
            "**settings)"
            for each in sides
        ),
    ]


def files_of_table(plan: Plan) -> list[str]:
    """Images by path, with labels as images.csv has them."""
    side = _first_side(plan)
    columns = ", ".join(map(_quoted, plan.labeling.columns))
    return [
        "import pandas as pd, tensorflow as tf",
        f'table = pd.read_csv("images.csv").query("split == \'{side}\'").dropna(how="all", subset=[{columns}])',
        f'said = tf.data.Dataset.from_tensor_slices((table.path, table[[{columns}]].fillna(-1).astype("float32")))',
        f"{side} = said.shuffle(len(table)).map(lambda path, label: ({_decoded(plan, 'tf.io.read_file(path)')}, label))"
        ".batch(64)",
    ]


def shards(plan: Plan) -> list[str]:
    """Samples in tar files."""
    side = _first_side(plan)
    label = 'tf.TensorSpec((), "int32")'
    if not plan.labeling.classes:
        label = f'tf.TensorSpec(({len(plan.labeling.columns)},), "float32")'
    return [
        "import glob, json, tarfile, tensorflow as tf",
        "def samples():  # of each, two files in a row: the picture and what is known of it",
        f'    for path in sorted(glob.glob("{side}-*.tar")):',
        "        with tarfile.open(path) as tar:",
        "            contents = (tar.extractfile(member).read() for member in tar)",
        '            yield from ((picture, json.loads(known)["label"]) for picture, known in zip(contents, contents))',
        f'said = tf.data.Dataset.from_generator(samples, output_signature=(tf.TensorSpec((), "string"), {label}))',
        f"{side} = said.shuffle(2000).map(lambda content, label: ({_decoded(plan, 'content')}, label)).batch(64)",
    ]


def _first_side(plan: Plan) -> str:
    return next((side for side in plan.sides if side != UNLABELED), UNLABELED)


def _decoded(plan: Plan, content: str) -> str:
    return f"tf.image.resize(tf.io.{_DECODERS[plan.settings.images]}({content}, 3), ({plan.size_px}, {plan.size_px}))"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


_DECODERS = {JPEG: "decode_jpeg", PNG: "decode_png"}
