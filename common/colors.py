"""Colors of behaviors and of everything around them, the same in figures, films and pages."""

from collections.abc import Sequence

# Okabe & Ito, "Color Universal Design" (2008): told apart with any color vision. In the place of their yellow, which
# is faint on white, a dark red that stays apart from the others with color blindness simulated (Machado et al. 2009).
# Black is kept for what a human saw.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#661100")
INK = "#1F2933"
MUTED = "#6B7785"
GRID = "#E3E7EB"
BASELINE = "#8A94A0"
UNSCORED = "#D5DAE0"


def behavior_colors(behaviors: Sequence[str]) -> dict[str, str]:
    """One color per behavior, the same in every figure; beyond seven they repeat."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(behaviors)}
