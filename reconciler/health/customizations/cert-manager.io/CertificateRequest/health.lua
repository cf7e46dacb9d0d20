-- Denied and InvalidRequest are final, so is Ready with the reason Failed (cert-manager, CertificateRequestConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
for _, name in ipairs({ "InvalidRequest", "Denied" }) do
  if found[name] and found[name].status == "True" then
    return { status = "Degraded", message = found[name].message or "" }
  end
end
local ready = found.Ready
if ready == nil then
  return { status = "Progressing", message = "Waiting for the request to be approved" }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message or "" }
end
local final = ready.reason == "Failed" or ready.reason == "Denied"
return { status = final and "Degraded" or "Progressing", message = ready.message or "" }
