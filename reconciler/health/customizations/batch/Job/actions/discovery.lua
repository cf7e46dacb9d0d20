local actions = {}
local suspended = obj.spec.suspend == true
local ended = false
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if (condition.type == "Complete" or condition.type == "Failed") and condition.status == "True" then
    ended = true
  end
end
actions["suspend"] = { disabled = suspended }
actions["resume"] = { disabled = not suspended }
actions["terminate"] = { disabled = ended or suspended }
return actions
