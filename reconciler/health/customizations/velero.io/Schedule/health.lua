-- By phase (Velero, SchedulePhase).
local status = obj.status or {}
if obj.spec and obj.spec.paused == true then
  return { status = "Suspended", message = "Schedule is paused" }
end
local verdicts = { Enabled = "Healthy", FailedValidation = "Degraded" }
local message = status.failureReason or status.message
if message == nil and status.validationErrors ~= nil then
  message = table.concat(status.validationErrors, "; ")
end
if message == nil then
  message = status.phase and "phase: " .. status.phase or "Waiting for the server"
end
return { status = verdicts[status.phase] or "Progressing", message = message }
