"""Suites: orders and models that are registered together, from a SUITE.toml or shipped with seenat.

manifest           reading a SUITE.toml
register           a SUITE.toml -> checked facts -> the catalog
architecture       what the catalog keeps of a config.json
builtin            the suites that ship with seenat
read               what the catalog holds of a suite
diff               what changed between two statements of a suite
write              the one door through which suites enter; writes suites, models and aliases
answers            suites as answers
claims             facts with sources, where sources disagree
reference_counts   published counts of memorized sequences
cards              model cards of the suites that ship, and the papers to cite
"""
