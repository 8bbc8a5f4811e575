"""Integrity: whether a checkpoint is what its name says, and an order what it was.

sync            the hub's listing of a model -> revisions and files in the catalog
audit           the rules over all models -> evidence -> statuses
findings        what the last audit found, read from the catalog
audit_rules     the rules of the audit, shared weights among them; pure functions of what the catalog holds
verify          the files of one checkpoint, read again
verify_order    the files of an order, read again
known_issues    reports that ship with seenat
evidence        evidence of one owner replaced, statuses derived
content         the files of checkpoints and orders are still what the catalog knows
unchanged       what is read of an order counts only while its files stay as they proved right
batch_digests   batches that were read are still what they were
"""
