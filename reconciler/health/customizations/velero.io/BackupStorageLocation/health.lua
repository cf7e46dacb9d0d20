-- By phase (Velero, BackupStorageLocationPhase).
local status = obj.status or {}

local verdicts = { Available = "Healthy", Unavailable = "Degraded" }
local message = status.failureReason or status.message
if message == nil and status.validationErrors ~= nil then
  message = table.concat(status.validationErrors, "; ")
end
if message == nil then
  message = status.phase and "phase: " .. status.phase or "Waiting to be validated"
end
return { status = verdicts[status.phase] or "Progressing", message = message }
