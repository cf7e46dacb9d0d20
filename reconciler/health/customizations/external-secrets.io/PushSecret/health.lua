-- Ready is True when all is in place and False after an error (External Secrets Operator, status conditions).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local ready = found.Ready
if ready == nil then
  return { status = "Progressing", message = "Waiting for the secret to be pushed" }
end
local verdicts = { True = "Healthy", False = "Degraded" }
return { status = verdicts[ready.status] or "Progressing", message = ready.message or "" }
