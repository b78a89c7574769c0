"""What was understood of the data, in words, so that a mistake shows before the first step."""

from __future__ import annotations

from engine.skeleton import COCO
from engine.training.annotations import Annotations


def about(sources: list[Annotations]) -> list[str]:
    """Lines about the people and keypoints of data sets with the same keypoints."""
    skeleton = sources[0].skeleton
    people = sum(source.people for source in sources)
    pictures = sum(len(source.pictures) for source in sources)
    lines = [f"{people} people in {pictures} images, {len(skeleton)} keypoints"]
    if skeleton is COCO:
        return [f"{lines[0]}: those of COCO"]
    names = skeleton.names
    pairs = [f"{names[i]} and {names[j]}" for i, j in enumerate(skeleton.mirror) if i < j]
    alone = [
        name
        for i, name in enumerate(names)
        if skeleton.mirror[i] == i and ("left" in name or "right" in name)
    ]
    lines[0] += f" ({', '.join(names)}), {len(skeleton.limbs)} links"
    lines.append(f"mirror partners: {', '.join(pairs) or 'none'}")
    if alone:
        lines.append(
            f"no mirror partner for {', '.join(alone)}: half of the views are mirrored, so give "
            "both sides the same name but for left and right"
        )
    lines.append(
        f"similarity constant {skeleton.sigmas[0]:g} for every keypoint: AP and duplicates are "
        "judged by it, and COCO files have none"
    )
    return lines
