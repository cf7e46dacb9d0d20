-- By phase (Cluster API, ClusterPhase).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
if obj.spec and obj.spec.paused == true then
  return { status = "Suspended", message = "Cluster is paused" }
end
local verdicts = { Provisioned = "Healthy", Failed = "Degraded" }
local message = status.failureMessage or (status.phase and "phase: " .. status.phase) or "Waiting for the controller"
return { status = verdicts[status.phase] or "Progressing", message = message }
