"""Gene symbols that mean the same gene: previous symbols, and symbols that differ in case.

Annotations and maps date from different years, and HGNC has renamed thousands of genes in between (ATP5A1 is ATP5F1A,
SEPT7 is SEPTIN7). A gene whose name no annotation has is left out of a recall without any error.
"""

import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note

BUILT_IN = "hgnc"  # the table of this package
_CONTROL = re.compile(r"(?i).*(control|non[-_ ]?target|safe[-_ ]?harbo).*")
_MONTH = "(jan|feb|mar|m\u00e4r|mrz|apr|may|jun|jul|aug|sep|sept|oct|okt|nov|dec|dez|march)"
_DATE = re.compile(
    rf"(?i)\d{{1,2}}[-. ]+{_MONTH}([-. ]+\d+)?|{_MONTH}[-. ]+\d{{1,2}}"
    r"|\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
)
_IDENTIFIER = re.compile(r"ENS[A-Z]*G\d+(\.\d+)?|\d+(\.0)?|HGNC:\d+|[OPQ]\d[A-Z0-9]{3}\d")


def table_path(setting: str | None) -> Path | None:
    """The file of `gene_gene.aliases`: `hgnc`, the one that comes with this package; None where no table is used."""
    if setting == BUILT_IN:
        return Path(__file__).with_name("previous_symbols.tsv")
    return Path(setting) if setting else None


@cache
def previous_symbols(setting: str | None) -> dict[str, str]:
    """Previous symbol -> symbol, as `gene_gene.aliases` says: `hgnc`, None (no table), or the path of a table.

    The path's table has columns `previous` and `symbol`, or is HGNC's complete set as published (`symbol` and
    `prev_symbol`, several separated by |). Names that several genes had are left out. Raises InputError where it lacks
    both.
    """
    path = table_path(setting)
    if path is None:
        return {}
    if not path.is_file():
        raise InputError(
            f"gene_gene.aliases: no such file {path}; give {BUILT_IN}, null or a table of previous symbols"
        )
    table = _read(path, "#" if setting == BUILT_IN else None)
    if {"prev_symbol", "symbol"} <= set(table.columns):
        table = table.assign(previous=table["prev_symbol"].str.split("|")).explode("previous")
    if not {"previous", "symbol"} <= set(table.columns):
        raise InputError(f"{path}: lacks the columns previous and symbol (or HGNC's prev_symbol and symbol)")
    return _unambiguous(table)


def _read(path: Path, comment: str | None) -> pd.DataFrame:
    separator = "," if path.suffix.lower() == ".csv" else "\t"
    try:
        return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, comment=comment)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable table ({' '.join(str(error).split())[:150]})") from error


def _unambiguous(table: pd.DataFrame) -> dict[str, str]:
    pairs = table[["previous", "symbol"]].apply(lambda column: column.str.strip().str.strip('"'))
    pairs = pairs[(pairs["previous"] != "") & (pairs["symbol"] != "")].drop_duplicates()
    current = set(table["symbol"]) if "prev_symbol" in table else set()
    once = ~pairs["previous"].duplicated(keep=False) & ~pairs["previous"].isin(current)
    return dict(zip(pairs["previous"][once], pairs["symbol"][once]))


def canonical(name: str, aliases: dict[str, str]) -> str:
    """Today's symbol of a name, without regard to case and spaces; equal for names of one gene."""
    name = str(name).strip()
    return (aliases.get(name) or aliases.get(name.upper()) or name).casefold()


def names_in_map(entities: Iterable[str], genes: Collection[str], setting: str | None) -> dict[str, str]:
    """Entities of an annotation that the map has by another name -> that name.

    An entity that the map has by its own name keeps it, as does a gene of the map that the annotation has by its own
    name. Ambiguous names, and several names of one gene, are left as they are.
    """
    if setting is None:
        return {}
    aliases, entities, genes = previous_symbols(setting), set(entities), set(genes)
    missing: dict[str, list[str]] = {}
    for gene in genes - entities:
        missing.setdefault(canonical(gene, aliases), []).append(gene)
    found: dict[str, list[str]] = {}
    for entity in entities - genes:
        found.setdefault(canonical(entity, aliases), []).append(entity)
    return {found[key][0]: names[0] for key, names in missing.items() if len(names) == len(found.get(key, ())) == 1}


def say_unmatched(genes: Iterable[str], known: Collection[str], resolved: dict[str, str], resolvable: int = 0) -> None:
    """Note which genes are known by another symbol and how many are in no annotation, controls aside.

    Parameters
    ----------
    genes : names in the map
    known : those that are in an annotation
    resolved : name in the annotation -> gene of the map, where they differ
    resolvable : number of genes that the built-in table would find, where no table is used
    """
    genes = sorted(gene for gene in genes if not _CONTROL.fullmatch(gene))
    if resolved:
        listed = ", ".join(f"{name} is {entity}" for entity, name in sorted(resolved.items(), key=lambda i: i[1])[:5])
        note(
            f"{len(set(resolved.values()))} of {len(genes)} genes of the map are in the annotations by another symbol "
            f"({listed}{', ...' if len(resolved) > 5 else ''}; gene_gene.aliases)"
        )
    lost = [gene for gene in genes if gene not in known]
    if lost:
        which = "none" if len(lost) == len(genes) else f"{len(lost)}"
        verb = "is in an annotation" if which == "none" else "are in no annotation and have no known pair"
        hint = f"; gene_gene.aliases: {BUILT_IN} would find {resolvable} of them by another symbol" * bool(resolvable)
        coded = sum(_IDENTIFIER.fullmatch(gene) is not None for gene in lost)
        if coded:
            hint += f"; {coded} are Ensembl, Entrez or other identifiers: annotations have gene symbols"
        note(f"{which} of {len(genes)} genes of the map {verb} (such as {', '.join(lost[:5])}){hint}")
    dates = [gene for gene in genes if _DATE.fullmatch(gene)]
    if dates:
        note(f"{len(dates)} genes of the map are named like dates ({dates[0]}): a spreadsheet has changed them")
