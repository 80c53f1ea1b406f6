"""Drop-ins: the module names, arguments and return order of packages that people already use."""
