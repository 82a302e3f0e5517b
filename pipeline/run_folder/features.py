"""What a run says of its features, source by source."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.wording import setting
from pipeline.run_folder.reading import Run, section


def source_facts(tree: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a provenance, or a trained head's recipe, says of each source; [] where it says nothing."""
    listed = tree.get("features")
    if isinstance(listed, list):
        return [dict(facts) for facts in listed if isinstance(facts, Mapping)]
    # Before there could be several, a backbone was all there was.
    backbone = section(tree, "backbone")
    if not backbone:
        return []
    if backbone.get("used") == "precomputed":
        return [{"source": "precomputed", **backbone}]
    return [{"source": "frames", **backbone, "crop": dict(section(tree, "crop"))}]


def used_features(run: Run) -> list[dict[str, Any]]:
    """What a run says of each source that it used; [] where it says nothing."""
    # The provenance of older runs doesn't tell the crop, which was the experiment's.
    return source_facts({"crop": section(run.config, "crop"), **run.provenance})


def feature_names(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of all features, in the order in which heads get them; numbered where a source has no names for them."""
    names: list[str] = []
    for one in facts:
        own = one.get("names") or [f"{one.get('used')} {i}" for i in range(int(one.get("n_features") or 0))]
        names += [str(name) for name in own]
    return names


def features_in_words(run: Run) -> str:
    """The networks that features come from, such as `compact + compact of three moments`; "" where nothing is said."""
    facts = used_features(run)
    if not facts:
        return setting(section(run.config, "backbone").get("name") or "")
    words = []
    for one in facts:
        moments = section(one, "crop").get("moments_s")
        words.append(f"{one.get('used') or one.get('source')}{' of three moments' if moments else ''}")
    return " + ".join(words)
