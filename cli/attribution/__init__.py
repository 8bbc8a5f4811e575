"""Commands that go from text back to training.

index   build, list, verify and remove the indexes of orders
"""
