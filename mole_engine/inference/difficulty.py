"""Which molecules are harder than others: what the expected size of an error is learnt from.

Two signs are known of every molecule before its value is: how far the nearest training molecule is, and how much the
models of a blend disagree. The logarithm of the error is regressed on them, with slopes that cannot be negative, on
molecules that were left out of training; intervals are then as wide as that says (normalised conformal prediction:
Papadopoulos, Gammerman, Vovk, AIA 2008). Where the signs do not tell hard from easy, all get the same width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import nearest_similarity
from mole_engine.inference.domain import MAX_REFERENCES, own_fingerprints
from mole_engine.store.card import Difficulty

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

FEWEST = 60
"""Residuals below which two slopes would be chance."""

MOST = 3.0
"""No molecule counts as more than so many times harder, or easier, than the typical one."""

LEAST_SPREAD = 0.01
"""Added to a disagreement, in deviations of the label: smaller ones differ by nothing that matters."""

MOST_JUDGED = 5_000
"""Molecules that were left out, of which the difficulty is learnt: of more, a sample."""

_FOLDS = 10
_LEAST_ERROR = 0.05
"""Of the median error: smaller ones are luck, and their logarithms would lead the fit."""


def left_out_similarity(
    smiles: Sequence[str],
    divisions: Sequence[tuple[Positions, Positions]],
    *,
    check: Callable[[], None] | None = None,
) -> Floats:
    """Return how near each left-out molecule is to what its prediction was learnt from.

    Parameters
    ----------
    smiles
        All n molecules of a data set, standardised.
    divisions
        Positions that a model learnt from, and positions that it left out.
    check
        Called now and then; it may raise to stop the work.

    Returns
    -------
    numpy.ndarray
        (n,) highest Tanimoto similarity (ECFP4); NaN for molecules that were not left out, or not among the sample.
    """
    generator = np.random.default_rng(0)
    result = np.full(len(smiles), np.nan)
    most = max(1, MOST_JUDGED // max(1, len(divisions)))
    samples = [
        (_sample(generator, held, most), _sample(generator, learnt, MAX_REFERENCES)) for learnt, held in divisions
    ]
    pairs = [(queries, references) for queries, references in samples if len(queries) and len(references)]
    if not pairs:
        return result
    # A molecule is learnt from in most of the divisions.
    used = np.unique(np.concatenate([places for pair in pairs for places in pair]))
    prints = own_fingerprints([smiles[place] for place in used], check)
    for queries, references in pairs:
        own, others = (prints[np.searchsorted(used, places)] for places in (queries, references))
        result[queries] = nearest_similarity(own, others, check=check)
    return result


def fit_difficulty(residuals: Floats, similarity: Floats, spread: Floats | None) -> Difficulty | None:
    """Learn how errors grow; None where nothing is gained by it.

    Parameters
    ----------
    residuals
        (n,) in the scaled space, of molecules that the model was not fitted on.
    similarity
        (n,) Tanimoto similarity of each to the nearest molecule that it was fitted on.
    spread
        (n,) disagreement of the models in the scaled space; None for a single model.
    """
    usable = np.isfinite(residuals) & np.isfinite(similarity)
    if spread is not None:
        usable &= np.isfinite(spread)
    residuals, similarity = residuals[usable], similarity[usable]
    spread = None if spread is None else spread[usable]
    if len(residuals) < FEWEST or not np.ptp(residuals) > 0:
        return None
    signs = _signs(similarity, spread)
    fold = np.random.default_rng(0).permutation(len(residuals)) % _FOLDS
    gains = np.empty(len(residuals))
    for number in range(_FOLDS):
        inner, outer = fold != number, fold == number
        slopes, constant = _slopes(residuals[inner], signs[inner])
        gains[outer] = _gain(residuals, signs @ slopes + constant, inner, outer)
    # More than one standard error: less could be chance.
    if not gains.mean() > gains.std() / math.sqrt(len(gains)):
        return None
    slopes, constant = _slopes(residuals, signs)
    if not slopes.any():
        return None
    return Difficulty(float(constant), float(slopes[0]), float(slopes[1]) if spread is not None else 0.0)


def factors(difficulty: Difficulty | None, similarity: Floats | None, spread: Floats | None, count: int) -> Floats:
    """Return how many times the typical error is expected of each molecule, (count,); 1 where that is not known."""
    if difficulty is None or similarity is None or (difficulty.disagreement > 0 and spread is None):
        return np.ones(count)
    signs = _signs(similarity, spread)
    exponent = difficulty.constant + signs @ np.array([difficulty.distance, difficulty.disagreement])[: signs.shape[1]]
    limit = math.log(MOST)
    return np.where(np.isnan(exponent), 1.0, np.exp(np.clip(exponent, -limit, limit)))


def _signs(similarity: Floats, spread: Floats | None) -> Floats:
    columns = [1.0 - similarity]
    if spread is not None:
        columns.append(np.log(spread + LEAST_SPREAD))
    return np.column_stack(columns)


def _slopes(residuals: Floats, signs: Floats) -> tuple[Floats, float]:
    """Return slopes, none negative, and the constant with which the logarithms of all factors average to 0."""
    from scipy import optimize

    errors = np.abs(residuals)
    wanted = np.log(np.maximum(errors, _LEAST_ERROR * max(float(np.median(errors)), 1e-12)))
    middle = signs.mean(axis=0)
    slopes = optimize.nnls(signs - middle, wanted - wanted.mean())[0]
    return slopes, -float(middle @ slopes)


def _gain(residuals: Floats, exponents: Floats, inner: npt.NDArray[np.bool_], outer: npt.NDArray[np.bool_]) -> Floats:
    """Return by how much left-out errors are likelier with own widths than with one for all (normal, in nats)."""
    limit = math.log(MOST)
    own = np.exp(np.clip(exponents, -limit, limit))
    common = math.sqrt(float(np.mean(residuals[inner] ** 2)))
    scale = math.sqrt(float(np.mean((residuals[inner] / own[inner]) ** 2))) * own[outer]
    values = residuals[outer]
    gained = np.log(common / scale) + 0.5 * (values / common) ** 2 - 0.5 * (values / scale) ** 2
    return np.asarray(gained)


def _sample(generator: np.random.Generator, positions: Positions, most: int) -> Positions:
    return positions if len(positions) <= most else np.sort(generator.choice(positions, most, replace=False))
