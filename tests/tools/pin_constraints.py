"""Print every installed version as a constraint, without addresses: ``make constraints``."""

import importlib.metadata

print("# Every version, pinned; made by make constraints.")
pins = {
    distribution.metadata["Name"].lower().replace("_", "-"): distribution.version
    for distribution in importlib.metadata.distributions()
}
for name, version in sorted(pins.items()):
    if name not in ("gitops-nb", "pip", "setuptools"):
        print(f"{name}=={version}")
