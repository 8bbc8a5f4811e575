"""Charts: Altair definitions from plain values, saved as SVG, PNG, PDF or HTML. Nothing else in the library imports altair.

save         save, check_plot_path: a chart to a file whose ending says the format
metadata     what a picture says of itself: the version, and what it was drawn from
optional     the optional packages altair and vl-convert-python
figure       how charts are asked to look; titles, captions, ticks and the theme, the same for all
axes         what charts share: step axes and their scales, axes from 0, for each model its colour and place
intervals    Wilson's intervals of shares, and how they are drawn
charts       onset_chart, trajectory_chart, learning_rate_chart
studies      a chart for each study
effects      the charts of what having been trained on did, and of steps beside labels
exposures    the chart of exposures at onset
evaluations  the chart of benchmark results by step
"""
