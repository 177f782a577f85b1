"""usage: logstash.py FILE

Prints the options of a pipeline's plugins as JSON; a plugin has an entry without an option as well.
"""

import json
import sys
from pathlib import Path

from logstash_pipeline_parser import Pipeline


def options(section: str, tree: list) -> list[dict]:
    """Return the options of the plugins in a section, those under a condition too."""
    found = []
    for name, content in tree:
        if name == "if":
            _condition, [plugins] = content
            found += options(section, plugins)
            continue
        plugin = f"{section}.{name}"
        found.append({"plugin": plugin, "option": "", "value": None})
        for option, values in content:
            value = values[0] if len(values) == 1 else values
            found.append({"plugin": plugin, "option": option, "value": value})
    return found


pipeline = Pipeline(Path(sys.argv[1]).read_text()).parse()
print(json.dumps([entry for section, tree in pipeline for entry in options(section, tree)], default=str))
