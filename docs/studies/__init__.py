"""Studies behind docs/statistics.md: simulated maps whose truth is known, and what the analysis makes of them.

The maps come from modules of this folder that use nothing of the package: `molecules`, `lattice`, `views`,
`noise`, `truth`, `pairs`. A study is a module with a list of cases; `runner` runs it over a pool of processes:

    python -m docs.studies.even_views --jobs 16 --maps 40 --out even_views.jsonl
"""
