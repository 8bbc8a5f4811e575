"""Charts: Altair definitions from plain values, saved as SVG, PNG or HTML. Nothing else in the library imports altair.

save         save, check_plot_path: a chart to a file whose ending says the format
metadata     what a picture says of itself: the version, and what it was drawn from
optional     the optional packages altair and vl-convert-python
axes         what charts share: step axes, axes from 0, a colour for each model
charts       onset_chart, trajectory_chart
studies      a chart for each study
exposures    the chart of exposures at onset
runs         the learning rate of a run
evaluations  the chart of benchmark results by step
"""
