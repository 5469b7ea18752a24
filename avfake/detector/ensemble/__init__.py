"""Several answers for one file in, one answer out: verdicts, columns of scores, score tables.

`Combination` names the members and the rule; `write_ensemble` makes a folder of them that opens
like any detector. Every probability is combined over the members that could answer; where none
could, there is none.
"""
