"""InChIKeys of SMILES as the screens publish them."""

import pandas as pd


def inchikeys(smiles: pd.Series) -> pd.Series:
    """InChIKey per row, null where there is no SMILES or it does not parse.

    ChemAxon's extension after the first blank (`CCO |c:9,15|`) is not part of the structure.
    """
    from rdkit import Chem, RDLogger  # heavy, and needed where a screen has SMILES only

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    known: dict[str, str | None] = {}
    for text in smiles.dropna().unique():
        molecule = Chem.MolFromSmiles(str(text).split(" ")[0])
        known[text] = (Chem.MolToInchiKey(molecule) or None) if molecule is not None else None
    return smiles.map(known).astype(object).where(smiles.notna(), None)
