-- Accepted by its controller, or not (Gateway API, GatewayClassConditionStatusAccepted).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local accepted = found.Accepted
if accepted == nil then
  return { status = "Progressing", message = "Waiting for a controller" }
end
local verdicts = { True = "Healthy", False = "Degraded" }
return { status = verdicts[accepted.status] or "Progressing", message = accepted.message or "" }
