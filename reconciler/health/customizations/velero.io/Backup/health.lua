-- By phase (Velero, BackupPhase).
local status = obj.status or {}

local verdicts = { Completed = "Healthy", Failed = "Degraded", PartiallyFailed = "Degraded", FailedValidation = "Degraded" }
local message = status.failureReason or status.message
if message == nil and status.validationErrors ~= nil then
  message = table.concat(status.validationErrors, "; ")
end
if message == nil then
  message = status.phase and "phase: " .. status.phase or "Waiting for the server"
end
return { status = verdicts[status.phase] or "Progressing", message = message }
