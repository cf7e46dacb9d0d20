-- Accepted says that the spec is good, Programmed that the data plane has it (Gateway API, GatewayConditionType). A
-- listener's references must resolve.
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
for _, name in ipairs({ "Accepted", "Programmed" }) do
  local condition, wanted = found[name], obj.metadata.generation
  if condition == nil or condition.status == "Unknown" then
    return { status = "Progressing", message = condition and condition.message or "Waiting for a controller" }
  end
  if wanted and condition.observedGeneration and condition.observedGeneration < wanted then
    return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
  end
end
for _, name in ipairs({ "Accepted", "Programmed" }) do
  local condition = found[name]
  if condition.status == "False" then
    local waits = condition.reason == "Pending" or condition.reason == "AddressNotAssigned"
    return { status = waits and "Progressing" or "Degraded", message = condition.message or "" }
  end
end
for _, listener in ipairs(status.listeners or {}) do
  for _, condition in ipairs(listener.conditions or {}) do
    if condition.type == "ResolvedRefs" and condition.status == "False" then
      return { status = "Degraded", message = "listener " .. listener.name .. ": " .. (condition.message or "") }
    end
  end
end
return { status = "Healthy", message = found.Programmed.message or "" }
