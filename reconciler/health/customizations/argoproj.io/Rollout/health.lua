-- status.phase and message sum the rollout up (Argo Rollouts, RolloutPhase); observedGeneration is text there.
local status = obj.status or {}
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "InvalidSpec" and condition.status == "True" then
    return { status = "Degraded", message = condition.message or "" }
  end
end
local verdicts = { Healthy = "Healthy", Paused = "Suspended", Degraded = "Degraded", Progressing = "Progressing" }
if verdicts[status.phase] == nil then
  return { status = "Progressing", message = "Waiting for the rollout to be observed" }
end
return { status = verdicts[status.phase], message = status.message or "" }
