-- Managed and composite resources and claims have Synced and Ready, packages Installed and Healthy, definitions
-- Established and Offered (Crossplane, status conditions). Kinds that only hold settings have no conditions.
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
for _, name in ipairs({ "Synced", "LastAsyncOperation", "Installed", "Established" }) do
  local condition = found[name]
  if condition and condition.status == "False" and condition.reason ~= "Creating" then
    return { status = "Degraded", message = condition.message or condition.reason or name }
  end
end
local unhealthy = found.Healthy
if unhealthy and unhealthy.status == "False" then
  return { status = "Degraded", message = unhealthy.message or unhealthy.reason or "" }
end
for _, name in ipairs({ "Ready", "Healthy", "Offered", "Established" }) do
  local condition = found[name]
  if condition then
    local verdict = condition.status == "True" and "Healthy" or "Progressing"
    return { status = verdict, message = condition.message or condition.reason or "" }
  end
end
local settings = { "Config$", "ConfigUsage$", "Composition$", "CompositionRevision$", "Usage$" }
for _, ending in ipairs(settings) do
  if string.find(obj.kind, ending) then
    return nil
  end
end
return { status = "Progressing", message = "Waiting for the resource to be reconciled" }
