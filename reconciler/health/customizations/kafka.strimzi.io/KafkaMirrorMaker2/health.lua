-- Ready, NotReady and ReconciliationPaused are there only while True (Strimzi, status conditions).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
if found.ReconciliationPaused and found.ReconciliationPaused.status == "True" then
  return { status = "Suspended", message = "Reconciliation is paused" }
end
if found.Ready and found.Ready.status == "True" then
  return { status = "Healthy", message = "" }
end
local failing = found.NotReady
if failing and failing.status == "True" then
  local creating = failing.reason == "Creating"
  return { status = creating and "Progressing" or "Degraded", message = failing.message or failing.reason or "" }
end
return { status = "Progressing", message = "Waiting for the operator" }
