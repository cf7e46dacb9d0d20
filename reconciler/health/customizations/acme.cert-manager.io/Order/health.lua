-- By state (RFC 8555, section 7.1.6, and errored for what cert-manager itself could not do).
local status = obj.status or {}
local verdicts = { valid = "Healthy", invalid = "Degraded", expired = "Degraded", errored = "Degraded" }
local message = status.reason
if message == nil or message == "" then
  message = status.state and "state: " .. status.state or "Waiting for the ACME server"
end
return { status = verdicts[status.state] or "Progressing", message = message }
