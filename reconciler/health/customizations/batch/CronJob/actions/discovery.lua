local actions = {}
actions["create-job"] = { iconClass = "fa-solid fa-fw fa-play", displayName = "Create Job" }
local suspended = obj.spec.suspend == true
actions["suspend"] = { disabled = suspended }
actions["resume"] = { disabled = not suspended }
return actions
