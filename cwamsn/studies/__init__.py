"""Studies: the same rows on many pairs of simulated screens, to say where the method pays and how surely.

`plan` is read while the workflow's graph is built; `point` makes, trains and scores one pair; `compare`, `prediction`
and `figures` say what all of them show. Nothing is imported here: each is imported by name.
"""
