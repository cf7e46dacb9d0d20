-- SubmissionError and SpecError (Argo Workflows, CronWorkflow conditions); it waits for its time otherwise.
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
for _, name in ipairs({ "SpecError", "SubmissionError" }) do
  if found[name] and found[name].status == "True" then
    return { status = "Degraded", message = found[name].message or "" }
  end
end
if obj.spec and obj.spec.suspend == true then
  return { status = "Suspended", message = "CronWorkflow is suspended" }
end
return { status = "Healthy", message = "" }
