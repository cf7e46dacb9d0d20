-- ErrorOccurred, RolloutProgressing and ResourcesUpToDate (Argo CD, ApplicationSetConditionType).
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local function holds(name)
  return found[name] ~= nil and found[name].status == "True"
end
if holds("ErrorOccurred") then
  return { status = "Degraded", message = found.ErrorOccurred.message or "" }
end
if holds("RolloutProgressing") then
  return { status = "Progressing", message = found.RolloutProgressing.message or "" }
end
if holds("ResourcesUpToDate") then
  return { status = "Healthy", message = found.ResourcesUpToDate.message or "" }
end
return { status = "Progressing", message = "Waiting for the Applications to be generated" }
