"""A family of small molecules built from fragments: valid SMILES, all different, none taken from a list.

A molecule is aryl - linker - ring - amide - tail. The world seed shuffles the family once; training screens take every
second member from the first, evaluation screens from the second, so that no compound is in both.
"""

from functools import cache

from cwamsn.errors import InputError
from cwamsn.simulate.seeding import generator

ARYLS = (
    "c1ccccc1", "Cc1ccccc1", "Fc1ccccc1", "Clc1ccccc1", "COc1ccccc1", "Fc1cccc(F)c1", "c1ccncc1", "c1ccsc1", "c1ccoc1",
    "N#Cc1ccccc1", "FC(F)(F)c1ccccc1", "Cc1ccncc1", "c1ccc2ccccc2c1", "c1ccc2[nH]ccc2c1", "c1cnc2ccccc2c1",
    "Brc1ccccc1",
)  # fmt: skip
LINKERS = ("", "C", "O", "N", "S", "C(=O)", "S(=O)(=O)", "CO", "CN", "CC")
RINGS = (
    "C1CCN(CC1)",
    "C1CN(C1)",
    "C1CCCN(C1)",
    "c1ccc(cc1)",
    "c1ccn(c1)",
    "c1cnn(c1)",
    "C1CC(C1)",
    "c1cc(on1)",
    "c1cc(sn1)",
    "C1CCC(CC1)",
)
AMIDES = ("C(=O)N", "S(=O)(=O)N", "CC(=O)N", "C(=O)O", "CCC(=O)N")
TAILS = (
    "C", "CC", "CCC", "C(C)C", "CC(C)C", "C1CC1", "C1CCCC1", "CCOC", "CC#N", "CC(F)(F)F", "CCN(C)C", "CCO", "C1CCOC1",
    "C(C)(C)C", "CC1CC1", "CCSC",
)  # fmt: skip
FAMILY = len(ARYLS) * len(LINKERS) * len(RINGS) * len(AMIDES) * len(TAILS)


def smiles(world_seed: int, purpose: str, count: int) -> list[str]:
    """SMILES of the first `count` compounds of a `purpose`, "training" or "evaluation"."""
    if count > FAMILY // 2:
        raise InputError(f"compounds: {count} asked for, the family holds {FAMILY // 2} per screen; ask for fewer")
    order = generator(world_seed, "compounds").permutation(FAMILY)
    return [_member(i) for i in order[0 if purpose == "training" else 1 :: 2][:count]]


def _member(number: int) -> str:
    parts = []
    for fragments in (ARYLS, LINKERS, RINGS, AMIDES, TAILS):
        number, place = divmod(int(number), len(fragments))
        parts.append(fragments[place])
    # A ring number may be used again once its ring is closed, so the fragments join as they are.
    return "".join(parts)


@cache
def inchikey(text: str) -> str:
    """InChIKey of a SMILES, by RDKit."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(text)
    if molecule is None:
        raise InputError(f"SMILES {text!r} is not valid; check cwamsn/simulate/compounds.py")
    return Chem.MolToInchiKey(molecule)


def broad_samples(world_seed: int, count: int) -> list[str]:
    """Identifiers that look like the Broad Institute's: `BRD-K########-001-bb-v`, the first 13 characters distinct."""
    rng = generator(world_seed, "broad_sample")
    numbers = rng.choice(90_000_000, count, replace=False) + 10_000_000
    versions = rng.integers(1, 10, (count, 2))
    return [f"BRD-K{n}-001-{b:02d}-{v}" for n, (b, v) in zip(numbers, versions)]


def drug_names(world_seed: int, count: int) -> list[str]:
    """Names for evaluation compounds, without `_`, which separates a guide from its gene in the real files."""
    starts = ("Ral", "Ved", "Tor", "Nim", "Quar", "Bel", "Cor", "Dab")
    middles = ("e", "a", "i", "o", "ura", "ico")
    ends = ("tinib", "mab", "citabine", "vir", "prazole", "statin", "setron", "lisib", "parin", "caine")
    family = [a + b + c for a in starts for b in middles for c in ends]
    order = generator(world_seed, "names").permutation(len(family))
    return [family[order[i % len(family)]] + ("" if i < len(family) else f"-{i // len(family)}") for i in range(count)]
