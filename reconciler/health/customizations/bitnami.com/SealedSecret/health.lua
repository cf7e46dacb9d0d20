-- Synced is False when the secret cannot be unsealed (Sealed Secrets, SealedSecretConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local observed, wanted = tonumber(status.observedGeneration), tonumber(obj.metadata.generation)
if observed and wanted and observed < wanted then
  return { status = "Progressing", message = "Waiting for the newest spec to be observed" }
end
local synced = found.Synced
if synced == nil then
  return { status = "Progressing", message = "Waiting for the secret to be unsealed" }
end
local verdicts = { True = "Healthy", False = "Degraded" }
return { status = verdicts[synced.status] or "Progressing", message = synced.message or "" }
