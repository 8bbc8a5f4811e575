"""Measuring: protocols, the scoring engine, jobs that can be killed, results, trajectories and onsets; the pocket suite."""
