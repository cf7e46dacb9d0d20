-- Stalled and Reconciling as kstatus has them, Ready for the rest (Flux, meta conditions). It is not Ready also while it
-- waits for another object.
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
if obj.spec and obj.spec.suspend == true then
  return { status = "Suspended", message = obj.kind .. " is suspended" }
end
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
if found.Stalled and found.Stalled.status == "True" then
  return { status = "Degraded", message = found.Stalled.message or "" }
end
local ready = found.Ready
if ready == nil then
  return { status = "Progressing", message = "Waiting for the controller" }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message or "" }
end
local waits = { Progressing = true, ProgressingWithRetry = true, DependencyNotReady = true, ArtifactFailed = false }
if ready.status == "Unknown" or waits[ready.reason] then
  return { status = "Progressing", message = ready.message or "" }
end
return { status = "Degraded", message = ready.message or "" }
