obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["force-sync"] = os.date("!%Y-%m-%dT%XZ")
return obj
