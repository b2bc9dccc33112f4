"""The benchmarks, one file per question, each with `run(bench) -> Section`; found by their folder."""
