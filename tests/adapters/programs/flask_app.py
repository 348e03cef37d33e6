"""The catalogue inside an app of Flask."""

from __future__ import annotations

from flask import Flask

from perdure.adapters.flask import blueprint
from tests.adapters.programs.catalogue import client

app = Flask(__name__)
app.register_blueprint(blueprint(client))
