"""Where the evaluations of a search run: in this process, in several, or on a cluster; the results are the same."""
