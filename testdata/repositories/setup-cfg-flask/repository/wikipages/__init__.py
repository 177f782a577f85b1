from flask import Flask

__version__ = "0.9"

app = Flask(__name__)
app.config.from_pyfile("defaults.cfg")
app.config.from_envvar("WIKIPAGES_SETTINGS", silent=True)

import wikipages.views  # noqa: E402, F401
