"""The points of a sweep, or of single runs, as one HTML page that needs nothing else.

The stages: :mod:`~rl.report.points` reads a folder, :mod:`~rl.report.details` reduces a point's full result to what the
page draws, :mod:`~rl.report.content` puts all of it into one tree, :mod:`~rl.report.html` into one file.
"""
