-- Istio writes a status only where it is asked to: conditions, and what its analysis found (Istio, configuration status).
local status = obj.status or {}
for _, found in ipairs(status.validationMessages or {}) do
  if found.level == "ERROR" or found.level == 3 then
    local kind = found.type or {}
    return { status = "Degraded", message = "analysis: " .. (kind.name or kind.code or "error") }
  end
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Reconciled" then
    local done = condition.status == "True"
    return { status = done and "Healthy" or "Progressing", message = condition.message or "" }
  end
end
if #(status.validationMessages or {}) > 0 then
  return { status = "Healthy", message = "" }
end
return nil
