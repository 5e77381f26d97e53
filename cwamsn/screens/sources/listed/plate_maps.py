"""A laboratory's plate map: wells, compounds or genes, doses and negative controls."""

import re

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.naming import plate_name
from cwamsn.notes import note
from cwamsn.screen_specs import ListedSpec
from cwamsn.screens.hosts import Fetched, usable
from cwamsn.screens.names import parse_addresses
from cwamsn.text_tables import NOTHING, read_text_table, require_columns
from cwamsn.vocabulary import NEGATIVE

# Micromolar in one unit of the plate map's concentration column.
UNITS = {"mmoles_per_liter": 1e3, "umoles_per_liter": 1.0, "nmoles_per_liter": 1e-3, "moles_per_liter": 1e6}
OTHER = "platemap_"  # how columns begin that the map has besides
_COLUMNS = (
    "platemap_well_column", "compound_column", "concentration_column", "smiles_column", "inchikey_column",
    "control_column", "platemap_plate_column", "gene_column", "guide_column",
)  # fmt: skip
_LIKE_CONTROLS = re.compile(
    r"dmso\b.*|dimethyl ?sulfoxide|vehicle|untreated|mock|non-?targeting.*|empty([ _-].*)?|blank|solvent|(medi(a|um)|"
    r"buffer)( only)?|no[ _-](treatment|compound)|neg(ative)?[ _-]?(control|ctrl).*",
    re.IGNORECASE,
)
_SPREADSHEET_ERROR = r"#(REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|#+)"
_HIGHEST = 1000.0  # µM; screens of compounds stay below
_BATCH = re.compile(r"(BRD-[A-Z]\d+)-\d{3}-\d{2}-\d+")
_INCHIKEY = r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?"


def read_plate_map(fetched: Fetched, spec: ListedSpec) -> pd.DataFrame:
    """Wells of one plate map: address, row, column, compound, control, concentration (µM), smiles, inchikey.

    `compound` is the label that makes wells one perturbation, `treatment` the text of the file, both null in a well
    without one. A screen of kind CRISPR has `gene` and `guide` too. `_plate` is the plate where the map names it. Every
    other column of the map is kept as text, as `platemap_<its name>`.
    """
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url, spec.platemap_separator)
    return pd.concat([plate_map_of(frame, fetched.url, spec), _other_columns(frame, spec)], axis=1)


def _other_columns(frame: pd.DataFrame, spec: ListedSpec) -> pd.DataFrame:
    """What the plate map says besides, for the profiles of the wells; columns without a name are left out."""
    used = {getattr(spec, key) for key in _COLUMNS}
    names = [name for name in frame.columns if name not in used and name.strip() and not name.startswith("Unnamed:")]
    found = frame[names].astype(object).where(frame[names] != "", None)
    return found.rename(columns={name: f"{OTHER}{name.strip().removeprefix('Metadata_')}" for name in names})


def plate_map_of(frame: pd.DataFrame, source: str, spec: ListedSpec) -> pd.DataFrame:
    """The same from a table of text; `source` names it in messages."""
    require_columns(frame, tuple(getattr(spec, k) for k in _COLUMNS if getattr(spec, k)), source)
    where = parse_addresses(frame[spec.platemap_well_column], source)

    def column(key: str) -> pd.Series:
        name = getattr(spec, key)
        values = frame[name] if name else pd.Series("", frame.index)
        return values.astype(object).where(~values.str.casefold().isin(NOTHING), None)

    told = frame[spec.control_column or spec.compound_column]
    names = {value.strip().casefold(): value.strip() for value in spec.control_values}
    control = told.str.casefold().isin(names)
    treatment = column("compound_column").where(~control, _control_names(frame, told, control, names, spec))
    table = where.assign(
        treatment=treatment,
        compound=_merged(treatment, control, spec.compound_pattern),
        control=control.map({True: NEGATIVE, False: None}).astype(object),
        concentration=_concentration(column("concentration_column"), spec, source),
        smiles=column("smiles_column"),
        inchikey=column("inchikey_column"),
        _plate=frame[spec.platemap_plate_column].map(plate_name) if spec.platemap_plate_column else "",
        _written=frame[spec.compound_column],
        _told=told,
        _unfilled=(frame[spec.compound_column] == "") & ~control,
    )
    if spec.perturbation_type == "CRISPR":
        gene = column("gene_column") if spec.gene_column else table["compound"]
        guide = column("guide_column") if spec.guide_column else treatment.where(treatment != gene, None)
        table = table.assign(gene=gene.where(~control, None), guide=guide.where(~control, None))
    return table


def _control_names(
    frame: pd.DataFrame, told: pd.Series, control: pd.Series, names: dict[str, str], spec: ListedSpec
) -> pd.Series:
    """One name for each negative control, however it is written: `DMSO` and `dmso` are one."""
    if spec.control_column:
        written = frame[spec.compound_column]
        first = {text.casefold(): text for text in written[control][::-1]}
        named = written.str.casefold().map(first)
    else:
        named = told.str.casefold().map(names)
    return named.mask(named.fillna("").str.casefold().isin(NOTHING), "DMSO").astype(object)


def _merged(treatment: pd.Series, control: pd.Series, pattern: str | None) -> pd.Series:
    """The compound of a treatment: what `pattern` finds in it (its first group, if it has one), else all of it."""
    if not pattern:
        return treatment
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise InputError(f"compound_pattern: {pattern!r} is not a regular expression ({error})") from None

    def compound(text: str) -> str:
        found = wanted.search(text)
        return (found[1] if found.re.groups else found[0]) or text if found else text

    return treatment.where(control | treatment.isna(), treatment.dropna().map(compound)).astype(object)


def _concentration(column: pd.Series, spec: ListedSpec, source: str) -> pd.Series:
    """Doses in µM; rounded to nine digits, since 0.01 mmol/l is to be 10.0 µM exactly."""
    values = pd.to_numeric(column, errors="coerce").astype(float)
    bad = ((column.notna() & values.isna()) | (values < 0) | values.isin([float("inf")])).to_numpy()
    if bad.any():
        text, row = column.iloc[bad.argmax()], column.index[bad.argmax()]
        why = "is not a number"
        if re.fullmatch(r"\d+,\d+", text):
            why += "; write a decimal point"
        elif re.fullmatch(r"[\d.,]+\s*[^\d\s.,].*", text):
            why += f"; write the number alone, its unit is concentration_unit ({spec.concentration_unit})"
        elif pd.notna(values.iloc[bad.argmax()]):
            why = "is not a dose; it must be finite and not below 0"
        raise InputError(f"{source}: row {row}: concentration {text!r} {why}")
    return (values * UNITS[spec.concentration_unit]).map(lambda v: float(f"{v:.9g}"))


def say_what_is_odd(table: pd.DataFrame, spec: ListedSpec) -> None:
    """Notes on controls and perturbations that may not be what the user means; `table` as the wells table, with what
    :func:`read_plate_map` adds to it."""
    control = table["control"].notna()
    column = spec.control_column or spec.compound_column
    exact = [value.strip() for value in spec.control_values]
    other = table["_told"][control & ~table["_told"].isin(exact)]
    if len(other):
        note(f"{len(other)} wells are controls though {column} is written {_some(other)}, not as in control_values")
    if not control.any():
        note(f"no well is a negative control: control_values {exact} are not in {column} ({_some(table['_told'])} ...)")
    else:
        without = sorted(set(table["plate"]) - set(table["plate"][control]))
        if without:
            plates = table["plate"].nunique()
            note(f"{len(without)} of {plates} plates have no negative control: {', '.join(without[:5])}")
        if control.all():
            note(f"every well is a negative control; correct control_column or control_values ({exact})")
    treated = table[~control]
    nothing = treated["_written"][treated["perturbation"].isna()]
    if len(nothing):
        note(
            f"{len(nothing)} wells have no perturbation ({spec.compound_column} is {_some(nothing)}) and are not "
            "used; if they are controls, add that to control_values"
        )
    named = treated["perturbation"].dropna()
    like = named[named.str.fullmatch(_LIKE_CONTROLS)]
    if len(like):
        note(f"{len(like)} wells of {_some(like)} are taken for treated; if they are controls, add to control_values")
    errors = named[named.str.fullmatch(_SPREADSHEET_ERROR)]
    if len(errors):
        note(f"{len(errors)} wells of {_some(errors)} are errors of a spreadsheet, taken for compounds; correct them")
    doses = treated["concentration"].dropna().astype(float) if "concentration" in treated else pd.Series(dtype=float)
    if (doses > _HIGHEST).any():
        note(
            f"{int((doses > _HIGHEST).sum())} wells have doses up to {doses.max():,.0f} µM; is concentration_unit "
            f"({spec.concentration_unit}) right?"
        )
    spelt = pd.Series(named.unique(), dtype=object).astype(str)
    twins = spelt[spelt.str.casefold().duplicated(keep=False)]
    if len(twins):
        note(f"{len(twins)} perturbations differ from another by case only: {_some(twins)}; write one in one way")
    _say_compounds(treated)


def _say_compounds(treated: pd.DataFrame) -> None:
    batches = treated[["compound", "perturbation"]].drop_duplicates().dropna()
    core = batches["compound"].str.extract(_BATCH, expand=False)
    several = batches.assign(core=core).groupby("core")["perturbation"].nunique()
    if (several > 1).any():
        first = batches["compound"][core == several.index[(several > 1).argmax()]]
        note(
            f"{int((several > 1).sum())} compounds appear under several salts or batches and are taken for several "
            f"perturbations ({_some(first)}); compound_pattern: '^BRD-[A-Z][0-9]+' makes them one"
        )
    keys = treated["inchikey"].dropna()
    wrong = keys[~keys.astype(str).str.fullmatch(_INCHIKEY)]
    if len(wrong):
        note(f"{len(wrong)} wells have an invalid InChIKey ({_some(wrong)}); their compound is named by its id")


def _some(values: pd.Series) -> str:
    return ", ".join(repr(v) for v in list(dict.fromkeys(values))[:3])
