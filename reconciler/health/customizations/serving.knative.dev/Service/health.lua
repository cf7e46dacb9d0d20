-- Ready is Unknown while the resource is being reconciled, and False when it cannot be (Knative, error conventions).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
local ready = found.Ready
if ready == nil then
  return { status = "Progressing", message = "Waiting for the resource to be reconciled" }
end
local verdicts = { True = "Healthy", False = "Degraded" }
return { status = verdicts[ready.status] or "Progressing", message = ready.message or ready.reason or "" }
