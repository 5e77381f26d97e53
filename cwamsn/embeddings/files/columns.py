"""Which columns of a user's table are features.

A column that is not a feature (an index, a label, a count) changes every score without an error, so the choice is
strict: columns left out are named in a note, and a column that looks like a feature but is not numeric is refused.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.tables import feature_columns

# Names of pandas' index columns, CellProfiler's and pycytominer's metadata, ids and counts of objects, and usual names
# for the position and the content of a well. CellProfiler's measurements (Cells_AreaShape_Area, Nuclei_Neighbors_...,
# Nuclei_Location_...) do not match.
_NOT_A_FEATURE = re.compile(
    r"""(?ix)
    \s* | unnamed:.* | __index_level_\d+__ | index | level_\d+ | ix | idx | row_?(number|index|id) | .*[ ]index
    | (.*_)?metadata.* | pert_.* | [#] | (s_)?no | nr | order | rank | seed | epoch
    | (.*_)?(object|image|table|group)_?(number|index|id) | (.*_)?number_object_number | (.*_)?parent_.*
    | image_(count|group|number|plate|well|site|url|filename|pathname|file|path)(_.*)?
    | image_(executiontime|moduleerror|height|width|scaling|md5digest|processingstatus)(_.*)?
    | (.*_)?(filename|pathname)_.* | (.*_)?file_?(name|path)
    | n_?(cells?|obs|counts?|genes?|wells?|objects?|nuclei|fields?|sites?|images?|guides?|replicates?|umis?)(_.*)?
    | cells | (cells?|nuclei|objects?|nucleus)_?(counts?|number|id|label) | num(ber)?_(of_)?.* | (total_|raw_)?counts?
    | count_.* | total_counts?_.* | total_cells | pct_counts_.* | (obs|read|guide)_counts? | reads
    | (.*_)?(plate|experiment|batch|run|screen|library|source)s?(_?(id|name|num|number|no|index|code|barcode|map))?
    | plate_map_name | (.*_)?barcode
    | (.*_)?wells?(_?(id|name|pos|position|row|col|column|num|number|no|index|idx|label|address))? | address
    | row | col(umn)?s? | (row|col|column)_?(id|name|number|no|index|label)
    | (.*_)?(sites?|fields?|fov|frame|tile|position|quadrant)(_?(id|number|no|index))?
    | (cell|sample|image|crop|obs|uu|guide|gene|compound|molecule|entrez|treatment|perturbation|object)_?(id|idx)
    | (sample|guide|gene|compound|cmpd|treatment|target|moa)_(id|idx|index|no|num|number) | id
    | (cell_line|sg_?rna|hgnc|ncbi_gene|pubchem_c)_?id | entrez | cid | chr(omosome)? | strand
    | (.*_)?labels? | class(_id)? | target | cluster(_id)?s? | leiden.* | louvain.* | kmeans | fold | split
    | is_.* | has_.* | (neg(ative)?_|pos(itive)?_)?control
    | replicate(_?(id|number|no|index))? | rep | repeat | passage | donor
    | (time|hours?|days?|date|year|cycle)(_?(point|h|hr|hours?|d|days?|min))?
    | (.*_)?(concentration|conc|dose)(_?(um|nm|mm|level|unit|units|rank|idx))? | mmoles_per_liter | .*micromolar
    | log_?(10|2)?_?(concentration|conc|dose) | dilution | p?[ieac]c_?50 | viability
    | ([pq]_?val(ue)?|p_?adj|fdr) | molecular_weight | mw | c?logp
    """
)
_SIGNS = re.compile(r"[\W_]+")
_NUMBERED = re.compile(r"(.*?)[ _.-]?\d+")
# CellProfiler's names: the objects that were measured, the module, the measurement.
_MEASURED = re.compile(
    r"""(?ix)(cells?|nuclei|nucleus|cyto(plasm)?|image)_.+_.+
    | .+_(areashape|children|correlation|granularity|intensity|location|neighbors|objectskeleton|radialdistribution
    | texture)_.+"""
)
_ALIKE, _AT_LEAST = 0.8, 8  # share and number of columns of one pattern above which the others are outliers
_MANY = 16  # this many columns numbered after one stem are an embedding, or a block of one
_NUMBER_LIKE = r"^[-+]?[0-9.,' ]*[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?\s*%?$|^[-+]?(?i:inf(inity)?)$"
_MISSING = pa.array(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "-"])
SHOWN = 8

Read = Callable[[str], pa.ChunkedArray | pa.Array]


def is_feature_name(name: str) -> bool:
    """Whether a column may be a feature by its name, ignoring punctuation; `feature_<i>` always may."""
    plain = _SIGNS.sub("_", name.replace("µ", "u").replace("μ", "u")).strip("_")
    return _NOT_A_FEATURE.fullmatch(name) is None and (not plain or _NOT_A_FEATURE.fullmatch(plain) is None)


def choose(
    path: Path, wanted: Sequence[str] | str | None, schema: pa.Schema, keys: Sequence[str], read: Read
) -> list[str]:
    """The feature columns of a table, in order. Without `wanted`, a note names the columns left out.

    Parameters
    ----------
    path : the file, for messages
    wanted : a list of columns; or a prefix; or None: all `feature_<i>`, or else every numeric column whose name is not
        that of an index, metadata, a label or a count, nor an outlier among columns that are named alike
    schema : names and types of all columns
    keys : columns with another use (ids, perturbations); never features unless a list names them
    read : returns the values of a column; called where the type does not decide

    Raises
    ------
    InputError
        Where a column that may be a feature holds a value that is not a number, or no value at all, where no feature is
        left, and where the name of a feature appears twice.
    """
    types = dict(zip(schema.names, schema.types))
    if isinstance(wanted, str | None):
        chosen, left = _by_rule(path, wanted, types, [n for n in schema.names if n not in keys], read)
    else:
        chosen, left = list(map(str, wanted)), []
        missing = [name for name in chosen if name not in types]
        if missing:
            raise InputError(f"{path}: no column {missing[0]!r}; correct feature_columns")
    twice = [name for name, n in Counter(schema.names).items() if n > 1 and name in {*chosen, *keys}]
    twice += [name for name, n in Counter(chosen).items() if n > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} appears twice; rename or remove one of them")
    doubtful = [name for name in chosen if not is_feature_name(name)] if wanted else []
    if doubtful:
        note(f"{path.name}: feature_columns names {shown(doubtful)}, by name not features; taken as configured")
    if left:
        note(f"{path.name}: columns not taken as features ({len(left)}): {shown(left)}; feature_columns overrides this")
    if not chosen:
        kind = f"that begins with {wanted!r}" if wanted else "that holds numbers"
        raise InputError(f"{path}: no column {kind}; set feature_columns")
    ordered = feature_columns(chosen)
    return ordered if len(ordered) == len(chosen) and not isinstance(wanted, list) else chosen


def _by_rule(
    path: Path, prefix: str | None, types: Mapping[str, pa.DataType], names: list[str], read: Read
) -> tuple[list[str], list[str]]:
    """Columns taken and columns left out, by prefix, by the name `feature_<i>`, or by content."""
    if prefix:
        return [name for name in names if name.startswith(prefix)], []
    if numbered := feature_columns(names):
        others = [name for name in names if name not in set(numbered)]
        return numbered, others
    chosen = [name for name in names if is_feature_name(name)]
    alike = named_alike(chosen)
    chosen = [name for name in alike or chosen if _holds_numbers(path, name, types[name], read)]
    whole = [name for name in chosen if kinds.is_integer(types[name])]
    if 0 < len(whole) < len(chosen):
        counting = [name for name in whole if _counts_rows(read(name))]
        chosen = [name for name in chosen if name not in counting]
        whole = [name for name in whole if name not in counting]
    if 0 < len(whole) < len(chosen) and not alike:
        note(
            f"{path.name}: {shown(whole)} of {len(chosen)} features hold only whole numbers; "
            "if they are labels or counts, set feature_columns"
        )
    return chosen, [name for name in names if name not in set(chosen)]


def named_alike(names: Sequence[str]) -> list[str]:
    """Those of `names` that are CellProfiler's, or numbered after one or a few stems (f0, f1, ...); [] if too few are.

    Where most columns of a table are named alike, any other is a score, a dose or a label, whatever its name.
    """
    stems = [found[1] if (found := _NUMBERED.fullmatch(name)) else None for name in names]
    sizes = Counter(stem for stem in stems if stem is not None)
    measured = [name for name in names if _MEASURED.fullmatch(name)]
    numbered = [name for name, stem in zip(names, stems) if sizes[stem] >= min(_MANY, _ALIKE * len(names))]
    enough = max(_AT_LEAST, _ALIKE * len(names))
    return next((found for found in (measured, numbered) if len(found) >= enough), [])


def _holds_numbers(path: Path, name: str, kind: pa.DataType, read: Read) -> bool:
    """Whether a column holds numbers, of whatever type; raises InputError where only some values are."""
    if kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_decimal(kind):
        return True
    if not (is_text(kind) or kinds.is_null(kind)):
        return False  # booleans, dates, categories, lists
    values = cleaned(read(name))
    if values.null_count == len(values):
        raise InputError(f"{path}: column {name!r} holds no value at all; remove it or set feature_columns")
    like = pc.match_substring_regex(values, _NUMBER_LIKE)
    if not pc.any(like).as_py():
        return False
    as_numbers(path, name, values)
    return True


def _counts_rows(values: pa.ChunkedArray | pa.Array) -> bool:
    """Whether whole numbers increase by one from row to row, as an index does."""
    try:
        numbers = values.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # whole only in the first block of the file
        return False
    return len(numbers) > 2 and numbers.dtype.kind == "i" and bool((np.diff(numbers) == 1).all())


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a text type."""
    return kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)


def cleaned(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Texts without surrounding spaces; markers of a missing value become null."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    values = pc.utf8_trim_whitespace(values.cast(pa.string()))
    return pc.if_else(pc.is_in(values, _MISSING), pa.scalar(None, pa.string()), values)


def as_numbers(path: Path, name: str, values: pa.ChunkedArray | pa.Array, first_row: int = 0) -> pa.Array:
    """Texts as float64. Raises InputError naming column and row of the first that is not a number."""
    values = cleaned(values)
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        for row, text in enumerate(values.to_pylist(), first_row):
            if text is not None and not _is_number(text):
                hint = "write a point for the comma" if re.fullmatch(r"[-+]?\d+,\d+", text) else "correct it"
                raise InputError(
                    f"{path}: column {name!r}, row {row} holds {text!r}, not a number; {hint}, "
                    "or set feature_columns to the features"
                ) from None
        raise


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text, pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def shown(names: Sequence[str]) -> str:
    """Names for a message: the first few, and the number of the others."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name) if name else "one without a name" for name in names[:SHOWN]) + more
