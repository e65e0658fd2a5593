from __future__ import annotations

import pytest

from ogpgraph.storage.merkle import EMPTY_ROOT, Frontier, leaf_hash
from tests.storage.merkle_reference import merkle_tree_hash

# The leaves of Certificate Transparency's reference implementation, and the root of the tree after each of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def numbered_leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(n).encode()) for n in range(size)]


def frontier_of(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier


def test_root_of_no_leaves_is_the_hash_of_the_empty_string() -> None:
    assert Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_roots_are_those_of_certificate_transparency() -> None:
    frontier = Frontier()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier = frontier.append(leaf_hash(bytes.fromhex(leaf)))
        assert frontier.root().hex() == root


@pytest.mark.parametrize("size", range(71))
def test_root_of_a_frontier_is_that_of_the_whole_tree(size: int) -> None:
    frontier = frontier_of(numbered_leaves(size))
    assert frontier.size == size
    assert frontier.root() == merkle_tree_hash(numbered_leaves(size))


def test_frontier_holds_one_hash_for_each_set_bit_of_its_size() -> None:
    for size in range(71):
        assert len(frontier_of(numbered_leaves(size)).subtrees) == size.bit_count()


def test_append_does_not_change_the_former_frontier() -> None:
    before = frontier_of(numbered_leaves(5))
    root = before.root()
    before.append(leaf_hash(b"later"))
    assert before.root() == root


def test_frontier_restored_from_bytes_continues_the_tree() -> None:
    for size in range(71):
        frontier = frontier_of(numbered_leaves(size))
        restored = Frontier.from_bytes(size, frontier.to_bytes())
        assert restored == frontier
        assert restored.append(leaf_hash(b"next")).root() == frontier.append(leaf_hash(b"next")).root()


@pytest.mark.parametrize(("size", "length"), [(0, 32), (1, 0), (1, 31), (3, 32), (4, 64), (5, 65)])
def test_bytes_of_the_wrong_length_are_rejected(size: int, length: int) -> None:
    with pytest.raises(ValueError, match=f"a frontier of {size} leaves is not {length} bytes long"):
        Frontier.from_bytes(size, bytes(length))
