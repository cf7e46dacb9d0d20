-- Every condition must hold (Argo Events, common.Status); Deployed comes last.
local status = obj.status or {}
local deployed = false
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "False" then
    return { status = "Degraded", message = condition.message or condition.reason or condition.type }
  end
  if condition.type == "Deployed" and condition.status == "True" then
    deployed = true
  end
end
return { status = deployed and "Healthy" or "Progressing", message = deployed and "" or "Waiting to be deployed" }
