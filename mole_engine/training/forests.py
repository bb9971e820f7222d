"""Decision trees as plain arrays: saved without pickles, predicted without the library that grew them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32]

LEAF = -1
_WALKS = 2_000_000
"""Pairs of molecule and tree that are followed at a time, which bounds the memory."""

_FIELDS = ("feature", "threshold", "skip", "value", "roots", "base")


@dataclass(frozen=True)
class TreeArrays:
    """The trees of a forest or of a gradient boosting, one after the other, each node before its children.

    The left child of a node is the node behind it.

    Attributes
    ----------
    feature
        (nodes,) int32, column that a node looks at; -1 for a leaf.
    threshold
        (nodes,) float32; a value up to the threshold goes to the left.
    skip
        (nodes,) int32, how many nodes further the right child stands.
    value
        (nodes, k) float32, what a leaf says.
    roots
        (trees,) int32, first node of each tree.
    base
        (k,) float32, added to the sum over the trees.
    averaged
        Whether the trees' values are averaged (a forest) or added (boosting).
    """

    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    skip: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    roots: npt.NDArray[np.int32]
    base: npt.NDArray[np.float32]
    averaged: bool

    def predict(self, features: Table) -> Floats:
        """Return (n, k) values of molecules with (n, F) features, none missing."""
        result = np.empty((len(features), self.value.shape[1]))
        step = max(1, _WALKS // max(1, len(self.roots)))
        for start in range(0, len(features), step):
            part = features[start : start + step]
            leaves = self._leaves(part).reshape(len(part), len(self.roots))
            values = self.value[leaves].astype(np.float64)
            result[start : start + step] = values.mean(axis=1) if self.averaged else values.sum(axis=1)
        return result + self.base

    def _leaves(self, features: Table) -> npt.NDArray[np.int64]:
        """Return (n * trees,) the leaf that each molecule reaches in each tree."""
        nodes = np.tile(self.roots.astype(np.int64), len(features))
        moving = np.arange(len(nodes))
        columns = features.shape[1]
        flat = np.ascontiguousarray(features, dtype=np.float32).ravel()
        while len(moving):
            here = nodes[moving]
            wanted = self.feature[here]
            inner = wanted != LEAF
            moving, here, wanted = moving[inner], here[inner], wanted[inner]
            molecule = moving // len(self.roots)
            left = flat[molecule * columns + wanted] <= self.threshold[here]
            nodes[moving] = here + np.where(left, 1, self.skip[here])
        return nodes

    def reading(self, columns: npt.NDArray[np.int64]) -> Self:
        """Return the same trees for a wider table, of which they have seen these columns in this order."""
        inner = self.feature != LEAF
        feature = self.feature.copy()
        feature[inner] = columns[self.feature[inner]]
        return replace(self, feature=feature)

    def to_arrays(self, prefix: str) -> Arrays:
        """Return the arrays by name, each name starting with `prefix`, in a form that compresses well.

        Only inner nodes have a column and a threshold, only leaves a value, of which there are as many as molecules
        were learnt from; where a node's right child stands follows from which nodes are leaves. Bytes of like weight
        stand together. Nothing is rounded.
        """
        inner = self.feature != LEAF
        values, which = np.unique(self.value[~inner], axis=0, return_inverse=True)
        named: Arrays = {
            "nodes": np.array([len(inner)], dtype=np.int64),
            "inner": np.packbits(inner),
            "features": _planes(self.feature[inner]),
            "thresholds": _planes(self.threshold[inner]),
            "values": values,
            "leaves": _planes(which.ravel().astype(np.int32)),
            "roots": self.roots,
            "base": self.base,
            "averaged": np.array([self.averaged], dtype=np.uint8),
        }
        return {prefix + name: value for name, value in named.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Self:
        """Rebuild what `to_arrays` wrote.

        Raises
        ------
        ValueError, KeyError, IndexError
            When the arrays are not whole trees.
        """
        # Models of format 3 and before have the fields themselves.
        named = {name: arrays[prefix + name] for name in _FIELDS if prefix + name in arrays}
        if len(named) < len(_FIELDS):
            named = {**_unpacked(arrays, prefix), "roots": named["roots"], "base": named["base"]}
        trees = cls(**named, averaged=bool(arrays[f"{prefix}averaged"][0]))
        trees.check()
        return trees

    def check(self) -> None:
        """Make sure that following the trees ends and stays inside the arrays. Raises ValueError."""
        count = len(self.feature)
        inner = np.flatnonzero(self.feature != LEAF)
        right = inner + self.skip[inner]
        whole = (
            len(self.threshold) == len(self.skip) == len(self.value) == count
            and self.value.ndim == 2
            and self.base.shape == (self.value.shape[1],)
            and len(self.roots) > 0
            and bool(((self.roots >= 0) & (self.roots < count)).all())
            # Children stand behind their parents, so that no walk goes round in circles.
            and bool(((self.skip[inner] > 1) & (right < count)).all())
            and bool((self.feature >= LEAF).all())
        )
        if not whole:
            raise ValueError("its trees are not whole")

    def reads_up_to(self) -> int:
        """Return the number of columns that the trees need at least."""
        return int(self.feature.max()) + 1


def _planes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return (4, n) bytes of n numbers of 32 bits: the first bytes of all, then the second ones."""
    return np.ascontiguousarray(np.ascontiguousarray(values).view(np.uint8).reshape(-1, 4).T)


def _numbers(planes: npt.NDArray[np.uint8], kind: type[np.generic]) -> npt.NDArray[Any]:
    """Undo `_planes`."""
    return np.ascontiguousarray(planes.T).view(kind)[:, 0] if planes.shape[1] else np.zeros(0, kind)


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Arrays:
    """Return what `to_arrays` has packed: column, threshold, skip and value of every node."""
    count = int(arrays[f"{prefix}nodes"][0])
    if not 0 < count <= 8 * len(arrays[f"{prefix}inner"]):
        raise ValueError("its trees are not whole")
    inner = np.unpackbits(arrays[f"{prefix}inner"], count=count).astype(bool)
    values = arrays[f"{prefix}values"]
    feature, threshold = np.full(count, LEAF, dtype=np.int32), np.zeros(count, dtype=np.float32)
    value = np.zeros((count, values.shape[1]), dtype=np.float32)
    feature[inner] = _numbers(arrays[f"{prefix}features"], np.int32)
    threshold[inner] = _numbers(arrays[f"{prefix}thresholds"], np.float32)
    value[~inner] = values[_numbers(arrays[f"{prefix}leaves"], np.int32)]
    return {"feature": feature, "threshold": threshold, "skip": _skips(inner), "value": value}


def _skips(inner: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return how many nodes behind each inner node its right child stands, the nodes being in order of descent."""
    # A step up for an inner node, one down for a leaf: a left branch is over where the sum first falls below its start.
    level = np.cumsum(np.where(inner, 1, -1))
    count = len(inner)
    places = np.arange(count)
    order = np.sort((level + count) * count + places)
    nodes = np.flatnonzero(inner)
    found = np.searchsorted(order, (level[nodes] - 1 + count) * count + nodes)
    skip = np.zeros(count, dtype=np.int32)
    skip[nodes] = order[found] % count + 1 - nodes
    return skip


def of_forest(model: Any) -> TreeArrays:
    """Return the trees of a fitted forest of scikit-learn (one output); probabilities of its classes, or values."""
    trees = [_of_tree(member.tree_) for member in model.estimators_]
    return _joined(trees, np.zeros(trees[0][3].shape[1]), averaged=True)


def of_boosting(model: Any) -> TreeArrays:
    """Return the trees of a fitted histogram gradient boosting of one output: values, or log-odds of two classes.

    With several classes, one set of values a class.
    """
    count = len(model._predictors[0])
    trees = [
        _of_nodes(predictor.nodes, place, count)
        for round_ in model._predictors
        for place, predictor in enumerate(round_)
    ]
    return _joined(trees, np.ravel(model._baseline_prediction), averaged=False)


_Tree = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]


def _of_tree(tree: Any) -> _Tree:
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    leaf = left < 0
    values = np.asarray(tree.value)[:, 0, :]
    if tree.n_classes[0] > 1:
        values = values / values.sum(axis=1, keepdims=True)
    return _ordered(np.where(leaf, LEAF, tree.feature), np.asarray(tree.threshold), left, right, values)


def _of_nodes(nodes: Any, place: int, count: int) -> _Tree:
    leaf = nodes["is_leaf"].astype(bool)
    values = np.zeros((len(nodes), count))
    values[:, place] = nodes["value"]
    feature = np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64))
    return _ordered(
        feature, nodes["num_threshold"], nodes["left"].astype(np.int64), nodes["right"].astype(np.int64), values
    )


def _ordered(
    feature: npt.NDArray[Any],
    threshold: npt.NDArray[Any],
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    values: npt.NDArray[Any],
) -> _Tree:
    """Return feature, threshold, skip and value with each node before its children, the left one first."""
    kept = _descent(feature, left, right)
    places = np.empty(len(feature), dtype=np.int64)
    places[kept] = np.arange(len(kept))
    inner = feature[kept] != LEAF
    skip = np.zeros(len(kept), dtype=np.int64)
    skip[inner] = places[right[kept[inner]]] - np.flatnonzero(inner)
    value = np.where(inner[:, None], 0.0, values[kept])
    return feature[kept], np.where(inner, _below(threshold[kept]), 0.0), skip, value


def _descent(feature: npt.NDArray[Any], left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the nodes in that order."""
    inner = feature != LEAF
    nodes = np.flatnonzero(inner)
    if np.array_equal(left[nodes], nodes + 1) and np.array_equal(right[nodes], nodes + _skips(inner)[nodes]):
        # Forests grow their trees so. Thousands of trees, node by node, take seconds in which nothing else runs.
        return np.arange(len(feature))
    order, stack = [], [0]
    while stack:
        node = stack.pop()
        order.append(node)
        if inner[node]:
            stack.extend((int(right[node]), int(left[node])))
    return np.array(order)


def _below(threshold: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the largest 32-bit number up to each threshold: the same 32-bit features lie at or below both."""
    narrow = np.asarray(threshold).astype(np.float32)
    return np.where(narrow > threshold, np.nextafter(narrow, np.float32(-np.inf)), narrow).astype(np.float32)


def _joined(trees: Iterable[_Tree], base: npt.NDArray[Any], *, averaged: bool) -> TreeArrays:
    feature, threshold, skip, value = zip(*trees, strict=True)
    sizes = [len(part) for part in feature]
    return TreeArrays(
        feature=np.concatenate(feature).astype(np.int32),
        threshold=np.concatenate(threshold).astype(np.float32),
        skip=np.concatenate(skip).astype(np.int32),
        value=np.concatenate(value).astype(np.float32),
        roots=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32),
        base=np.asarray(base, dtype=np.float32),
        averaged=averaged,
    )
