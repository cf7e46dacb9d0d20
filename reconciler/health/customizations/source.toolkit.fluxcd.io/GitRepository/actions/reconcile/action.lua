obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["reconcile.fluxcd.io/requestedAt"] = os.date("!%Y-%m-%dT%XZ")
return obj
