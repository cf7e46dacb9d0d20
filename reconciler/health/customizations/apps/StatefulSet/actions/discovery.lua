local actions = {}
actions["restart"] = {}
actions["scale"] = { disabled = false, iconClass = "fa-solid fa-fw fa-up-right-and-down-left-from-center", displayName = "Scale",
  params = { { name = "replicas", default = tostring(obj.spec.replicas or 1) } } }
return actions
