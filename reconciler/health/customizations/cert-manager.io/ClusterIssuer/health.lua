-- Ready is False with a reason that begins with Err when the issuer cannot be set up (cert-manager, IssuerCondition).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local ready = found.Ready
if ready == nil then
  return { status = "Progressing", message = "Waiting for the issuer to be set up" }
end
local verdict = "Progressing"
if ready.status == "True" then
  verdict = "Healthy"
elseif ready.status == "False" then
  verdict = "Degraded"
end
return { status = verdict, message = ready.message or "" }
