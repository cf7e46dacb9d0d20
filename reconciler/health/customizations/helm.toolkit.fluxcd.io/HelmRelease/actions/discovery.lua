local actions = {}
actions["reconcile"] = { disabled = obj.spec.suspend == true }
local suspended = obj.spec.suspend == true
actions["suspend"] = { disabled = suspended }
actions["resume"] = { disabled = not suspended }
return actions
