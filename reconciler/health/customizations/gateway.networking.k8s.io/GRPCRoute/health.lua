-- Every parent must accept the route and resolve its references (Gateway API, RouteConditionType). A controller may leave
-- entries of parents that the route no longer names: those of an older generation do not count beside newer ones.
local parents = obj.status and obj.status.parents or {}
local wanted = obj.metadata.generation
local current, waiting = 0, false
for _, parent in ipairs(parents) do
  local accepted, failure = false, nil
  for _, condition in ipairs(parent.conditions or {}) do
    if wanted and condition.observedGeneration and condition.observedGeneration < wanted then
      goto continue
    end
    if condition.status == "False" and (condition.type == "Accepted" or condition.type == "ResolvedRefs") then
      failure = failure or condition.message or condition.reason or condition.type
    end
    accepted = accepted or condition.type == "Accepted" and condition.status == "True"
  end
  if failure then
    local name = parent.parentRef and parent.parentRef.name or "?"
    return { status = "Degraded", message = "parent " .. name .. ": " .. failure }
  end
  current = current + 1
  waiting = waiting or not accepted
  ::continue::
end
if current == 0 and #parents > 0 then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
if current == 0 or waiting then
  return { status = "Progressing", message = "Waiting for a Gateway to accept the route" }
end
return { status = "Healthy", message = "" }
