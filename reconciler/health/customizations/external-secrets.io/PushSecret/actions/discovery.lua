local actions = {}
actions["push"] = {}
return actions
