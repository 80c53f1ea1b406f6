"""Print the lowest versions that pyproject.toml allows, for pip: numpy>=1.26 is numpy==1.26.*."""

import re

import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
lines = [*project["dependencies"], *project["optional-dependencies"]["test"]]
print("\n".join(re.sub(r">=([\d.]+)", r"==\1.*", line) for line in lines))
