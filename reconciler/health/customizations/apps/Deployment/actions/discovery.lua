local actions = {}
actions["restart"] = {}
actions["scale"] = { disabled = false, iconClass = "fa-solid fa-fw fa-up-right-and-down-left-from-center", displayName = "Scale",
  params = { { name = "replicas", default = tostring(obj.spec.replicas or 1) } } }
local paused = obj.spec.paused == true
actions["pause"] = { disabled = paused, iconClass = "fa-regular fa-fw fa-circle-pause" }
actions["resume"] = { disabled = not paused, iconClass = "fa-regular fa-fw fa-circle-play" }
return actions
