-- Ready, Paused and Fallback; Active only tells whether it scales just now (KEDA, condition types).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local function holds(name)
  return found[name] ~= nil and found[name].status == "True"
end
if found.Ready == nil then
  return { status = "Progressing", message = "Waiting for the scaler" }
end
if found.Ready.status == "False" then
  return { status = "Degraded", message = found.Ready.message or "" }
end
if holds("Paused") then
  return { status = "Suspended", message = found.Paused.message or "" }
end
if holds("Fallback") then
  return { status = "Degraded", message = found.Fallback.message or "" }
end
return { status = holds("Ready") and "Healthy" or "Progressing", message = found.Ready.message or "" }
