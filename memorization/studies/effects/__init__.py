"""Effects of training on a sequence, by comparing sequences before and after they were seen.

counterfactual    how much better sequences are known for having been seen: profiles by checkpoints since
diff_in_diff      the estimator behind it: difference in differences, from arrays alone
step_labels       whether a checkpoint behaves like the step that it is labelled with
boundary_gaps     gaps between what was trained on just before a step and just after, from arrays alone
rank_correlation  of a quantity with the place in the order
"""
