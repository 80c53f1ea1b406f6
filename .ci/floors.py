"""Print the lowest versions that the installed package allows, for pip: numpy>=1.26 is numpy==1.26.*."""

from importlib.metadata import requires

from packaging.requirements import Requirement

for line in requires("neurogeom") or ():
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate({"extra": "test"}):
        floor = next(part.version for part in requirement.specifier if part.operator == ">=")
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        print(f"{requirement.name}{extras}=={floor}.*")
