-- Available is True, Degraded or False; Reconciled tells of errors (Prometheus operator, ConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
if status.paused == true or obj.spec and obj.spec.paused == true then
  return { status = "Suspended", message = "Reconciliation is paused" }
end
local reconciled, available = found.Reconciled, found.Available
if reconciled and reconciled.status == "False" then
  return { status = "Degraded", message = reconciled.message or "" }
end
if available == nil then
  return { status = "Progressing", message = "Waiting for the pods" }
end
local wanted = obj.metadata.generation
if wanted and available.observedGeneration and available.observedGeneration < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
if available.status == "True" then
  return { status = "Healthy", message = "" }
end
local waits = available.status == "Unknown" or available.reason == "SomePodsNotReady"
return { status = waits and "Progressing" or "Degraded", message = available.message or available.reason or "" }
