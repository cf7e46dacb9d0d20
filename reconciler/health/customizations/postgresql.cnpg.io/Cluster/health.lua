-- Ready, and the phase as its explanation (CloudNativePG, ClusterConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local hibernation = found["cnpg.io/hibernation"]
if hibernation and hibernation.status == "True" then
  return { status = "Suspended", message = hibernation.message or "" }
end
local message = status.phaseReason or status.phase or "Waiting for the operator"
if found.Ready and found.Ready.status == "True" then
  return { status = "Healthy", message = status.phase or "" }
end
local phase = string.lower(status.phase or "")
for _, sign in ipairs({ "failed", "unrecoverable", "not enough disk space", "cannot" }) do
  if string.find(phase, sign, 1, true) then
    return { status = "Degraded", message = message }
  end
end
return { status = "Progressing", message = message }
