"""The modules of the site are examined where what they import is installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if all(map(find_spec, ("sphinx", "latex2mathml"))) else ["docsite/*"]
