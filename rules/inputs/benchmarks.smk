"""Input functions and constants of stage benchmarks."""

EVALUATION = f"{DATA}/{config['evaluation_screen']}"
MAP = f"{RESULTS}/maps/{{model}}/seed{{seed}}.parquet"
EMBEDDINGS = f"{RESULTS}/embeddings/{{model}}/seed{{seed}}.parquet"
WELLS = f"{EVALUATION}/wells.parquet"
SCORES = f"{RESULTS}/scores/{{model}}/seed{{seed}}"


TRUTH = config["compound_gene"]["truth"] or f"{EVALUATION}/compound_gene_truth.csv"


def has_truth():
    """Whether the evaluation screen comes with a compound-gene truth table, or the configuration names one."""
    screen = SCREENS.get(config["evaluation_screen"]) or {}
    return bool(config["compound_gene"]["truth"]) or "rxrx3-core" in screen.get(
        "source", ""
    )


def alignment_of(wildcards):
    """The section `alignment`, with the method that the wildcard names, if there is one."""
    return config["alignment"] | {
        "method": getattr(wildcards, "alignment", config["alignment"]["method"])
    }


def fixed_columns(benchmark):
    """Columns of the scores table that are the same in every row of a benchmark's file."""

    def columns(wildcards):
        given = row_kind(wildcards.model) == "map"
        return {
            "run": config["run"],
            "screen": config["evaluation_screen"],
            "method": wildcards.model,
            "seed": int(wildcards.seed),
            "benchmark": benchmark,
            "alignment": None if given else alignment_of(wildcards)["method"],
        }

    return columns


def own_aliases():
    """The user's table of gene symbols, so that a change of it is noticed."""
    path = config["gene_gene"]["aliases"]
    return {"aliases": path} if path not in (None, "hgnc") else {}


def gene_gene_wells(wildcards):
    """Wells, and embeddings for the noise ceiling (none for a finished map); a table of gene symbols of the user's."""
    if row_kind(wildcards.model) == "map":
        return own_aliases()
    halves = config["gene_gene"]["split_half_repeats"]
    return (
        own_aliases()
        | {"wells": WELLS}
        | ({"embeddings": EMBEDDINGS.format(**wildcards)} if halves else {})
    )


def training_wells(wildcards):
    """Wells of the training screen, for a row that was trained on another one than it is scored on."""
    trained = row_kind(wildcards.model) == "trained"
    other = config["training_screen"] not in (None, config["evaluation_screen"])
    return (
        {"training_wells": f"{DATA}/{config['training_screen']}/wells.parquet"}
        if trained and other
        else {}
    )


def target_input(wildcards):
    """Map and truth table for the retrieval of targets, where there is a truth table."""
    return {"map": MAP.format(**wildcards), "truth": TRUTH} if has_truth() else {}


def is_in_sample(wildcards):
    """Whether the row was trained on the screen that it is scored on."""
    trained = (
        row_kind(wildcards.model) == "trained"
        and config["training_screen"] == config["evaluation_screen"]
    )
    return trained or bool(row_entry(wildcards.model).get("sees_evaluation_screen"))


def score_files(wildcards):
    """Score files of every row: what `benchmarks` lists; of a finished map, gene-gene alone. Then the comparisons."""
    of_maps = [b for b in config["benchmarks"] if b in ("gene_gene", "compound_gene")]
    files = []
    for row in [row for row in ROWS if row_kind(row) != "quoted"]:
        for seed in row_seeds(row):
            folder = f"{RESULTS}/scores/{row}/seed{seed}"
            given = row_kind(row) == "map"
            files += [
                f"{folder}/{b}.scores.parquet"
                for b in config["benchmarks"]
                if not given or b == "gene_gene"
            ]
            files += [
                f"{folder}/{a}/{b}.scores.parquet"
                for a in config["alignment"]["also"]
                for b in of_maps
                if not given and a != config["alignment"]["method"]
            ]
    for first, second in config["comparisons"]:
        if not {first, second} <= set(ROWS) or "gene_gene" not in config["benchmarks"]:
            continue  # a pair of the default configuration that this run has nothing to compare of
        shared = [seed for seed in row_seeds(first) if seed in row_seeds(second)]
        files += [
            f"{RESULTS}/scores/{first}/seed{s}/minus_{second}.scores.parquet"
            for s in shared
        ]
    return files


def embeddings_and_maps():
    """Embeddings and maps that the scores are computed from. Targets of their own: deleted, they are made again."""
    of_wells = [row for row in ROWS if row_kind(row) not in ("quoted", "map")]
    pairs = [(row, seed) for row in of_wells for seed in row_seeds(row)]
    alignments = []
    if {"gene_gene", "compound_gene"} & set(config["benchmarks"]):
        alignments = [None, *config["alignment"]["also"]]
    elif "replicate_map" in config["benchmarks"] and has_truth():
        alignments = [None]
    files = [EMBEDDINGS.format(model=row, seed=seed) for row, seed in pairs]
    files += [map_path(row, seed, a) for row, seed in pairs for a in alignments]
    return list(dict.fromkeys(files)) if config["benchmarks"] else []


def comparison_input(wildcards):
    """Two rows' maps, and truth table and wells where compounds are compared too."""
    kinds = {row_kind(wildcards.model), row_kind(wildcards.other)}
    compounds = "compound_gene" in config["benchmarks"] and "map" not in kinds
    other = MAP.format(model=wildcards.other, seed=wildcards.seed)
    return (
        own_aliases()
        | {"second": other}
        | ({"truth": TRUTH, "wells": WELLS} if compounds else {})
    )
